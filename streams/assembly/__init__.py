"""The parts of each role of a worker, one module a role, so that a worker imports only the roles it runs."""
