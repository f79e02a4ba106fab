"""What the campaigns under back-pressure are made of: more comes than is taken, somewhere between log call and tracker.

Lives here: the memory of each process over time (``memory``), what a place holds read record by record, so that ten
million of them need no more memory than one (``story``), what a campaign has come to (``outcome``), the folder with its
processes by role (``scene``), a backlog (``backlog``), a broker in slices (``slices``), and trainers that note how long
each log call took (``timed``) or what became of it (``keeping``).
"""
