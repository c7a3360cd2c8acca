-- A snapshot is written in slices, so states.run differs within one. meta says up to which
-- run the states cover everything; runs after it are folded on top, into each state those
-- after its own.
INSERT INTO meta SELECT 'snapshot', coalesce(max(run), 0) FROM states;
