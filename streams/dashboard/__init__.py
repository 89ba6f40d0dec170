"""Dashboard: a page of the gateway that shows each task's certificate while the stream runs.

The page is a few fixed files that hold no data: its script draws what an event stream tells it. So nothing
that a client or an LLM has sent is ever part of HTML, and a strict content security policy holds.
"""
