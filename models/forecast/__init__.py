"""What more traces and more audits would bring."""
