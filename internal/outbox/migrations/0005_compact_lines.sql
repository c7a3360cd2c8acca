-- From now on a line of body that is one more OK may be an array of what differs: the charge
-- point, the instance, the epoch, the microseconds since runs.at and one second for each line
-- before, the latency in microseconds, the seq; or of the time and the latency only, if the
-- rest follows from the first line of the body. compact.go says when.
DROP VIEW events;

-- For people: SELECT event FROM events ORDER BY run.
CREATE VIEW events AS
    SELECT run, iif(type = 'object', value,
        '{"cp_id":' || (owner -> 0)
        || ',"monitor_id":"EV_CP_M","action":"health_check","status":"OK","engine_response":"OK"'
        || ',"consecutive_failures":0,"timestamp":'
        || printf('%d.%d', at / 1000000, at / 100000 % 10) || rtrim(printf('%05d', at % 100000), '0')
        || ',"cause":"","latency_ms":'
        || printf('%d.%d', latency / 1000, latency / 100 % 10) || rtrim(printf('%02d', latency % 100), '0')
        || ',"instance":' || (owner -> 1) || ',"epoch":' || (owner -> 2) || ',"seq":' || seq
        || ',"event_id":' || rtrim(owner -> 0, '"') || '-' || (owner -> 2) || '-' || seq || '"}') AS event
    FROM (
        SELECT run, type, value, owner,
            at + 1000000 * place + iif(short, value ->> 0, value ->> 3) AS at,
            iif(short, value ->> 1, value ->> 4) AS latency,
            iif(short, (owner ->> 5) + place, value ->> 5) AS seq
        FROM (
            SELECT runs.id AS run, runs.at, line.type, line.value, line.key AS place,
                json_array_length(line.value) = 2 AS short,
                iif(json_array_length(line.value) = 2, substr(body, 1, instr(body, char(10)) - 1), line.value) AS owner
            FROM runs, json_each('[' || replace(rtrim(body, char(10)), char(10), ',') || ']') AS line
        )
    );
