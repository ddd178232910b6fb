-- What was released in a span of time is looked for beside what passed at once (JL-104).
CREATE INDEX hold_end_released ON hold_end (division, ended_at) WHERE how = 'released';
