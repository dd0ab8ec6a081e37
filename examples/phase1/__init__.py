"""A small event-driven system whose flows the verifier judges: four services, a driver and a broker.

`system.py` starts everything, `driver.py` plays the client and the teacher; `bos.py`, `els.py`, `nlp.py` and `cms.py`
are the services, each a process of its own. Everything else is what they share. Start with README.md beside this file.
"""
