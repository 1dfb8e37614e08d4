-- What the ledger asks and says. Each statement follows its name; parameters are named.

-- name: discover
INSERT OR IGNORE INTO bounces (path, stem, source, size, mtime_ns, state, seen_at)
VALUES (:path, :stem, :source, :size, :mtime_ns, 'discovered', :now);

-- name: settle
UPDATE bounces SET state = 'settling', reason = :reason, size = :size, mtime_ns = :mtime_ns
WHERE path = :path AND source = path AND plan IS NULL
    AND (state IN ('discovered', 'settling') OR state = 'queued' AND (size <> :size OR mtime_ns <> :mtime_ns));

-- name: queue
UPDATE bounces SET state = 'queued', reason = :reason, size = :size, mtime_ns = :mtime_ns, queued_at = :now
WHERE path = :path AND source = path AND state IN ('discovered', 'settling');

-- name: forget
DELETE FROM bounces
WHERE path = :path AND source = path AND state IN ('discovered', 'settling', 'queued', 'parked') AND plan IS NULL;

-- name: next
SELECT * FROM bounces
WHERE state = 'queued' AND (due_at <= :now OR due_at > :latest)
    AND NOT EXISTS (
        SELECT 1 FROM bounces AS other
        WHERE other.stem = bounces.stem AND other.id <> bounces.id
            AND (other.state = 'running' OR other.plan IS NOT NULL AND other.state IN ('queued', 'parked')))
ORDER BY queued_at, id
LIMIT :count;

-- name: start
UPDATE bounces SET state = 'running', owner = :owner, service = :service, progress = 0, reason = NULL,
    content_sha256 = iif(plan IS NULL, NULL, content_sha256), preset_hash = iif(plan IS NULL, NULL, preset_hash)
WHERE id = :id AND state = 'queued'
    AND NOT EXISTS (
        SELECT 1 FROM bounces AS other
        WHERE other.stem = bounces.stem AND other.id <> bounces.id
            AND (other.state = 'running' OR other.plan IS NOT NULL AND other.state IN ('queued', 'parked')));

-- name: same_key
SELECT * FROM bounces
WHERE path = :path AND content_sha256 = :content_sha256 AND preset_hash = :preset_hash AND id <> :id;

-- name: delete
DELETE FROM bounces WHERE id = :id;

-- name: identify
UPDATE bounces
SET content_sha256 = :content_sha256, preset_hash = :preset_hash, size = :size, mtime_ns = :mtime_ns, started_at = :now
WHERE id = :id;

-- name: twin
SELECT * FROM bounces
WHERE content_sha256 = :content_sha256 AND preset_hash = :preset_hash AND id <> :id
    AND state IN ('done', 'unchanged') AND result IS NOT NULL
ORDER BY finished_at DESC
LIMIT 1;

-- name: progress
UPDATE bounces SET progress = :progress WHERE id = :id AND state = 'running';

-- name: beat
UPDATE bounces SET beat = beat + 1 WHERE id = :id AND state = 'running';

-- name: plan
UPDATE bounces
SET plan = :plan, record = :record, result = :result, result_sha256 = :result_sha256, reason = :reason
WHERE id = :id AND state = 'running';

-- name: replan
UPDATE bounces SET plan = :plan WHERE id = :id AND state = 'running';

-- name: unplan
UPDATE bounces SET state = 'queued', owner = NULL, plan = NULL, record = NULL, result = NULL, reason = :reason
WHERE id = :id AND state = 'running';

-- name: rename_source
UPDATE bounces SET source = :new WHERE source = :old AND id <> :id AND state IN ('done', 'unchanged', 'failed');

-- name: rename_result
UPDATE bounces SET result = :new WHERE result = :old AND id <> :id AND state IN ('done', 'unchanged', 'failed');

-- name: finish
UPDATE bounces
SET state = :state, source = :source, plan = NULL, owner = NULL, progress = 1, finished_at = :now, is_told = :is_told
WHERE id = :id AND state = 'running';

-- name: told
UPDATE bounces SET is_told = 1 WHERE id = :id;

-- name: untold
SELECT * FROM bounces WHERE state IN ('done', 'unchanged', 'failed') AND is_told = 0 ORDER BY finished_at, id;

-- name: again
UPDATE bounces
SET state = 'queued', owner = NULL, reason = :reason, due_at = :due_at, tries = tries + :tries,
    crashes = crashes + :crashes
WHERE id = :id AND state = 'running';

-- name: unsettle
UPDATE bounces SET state = iif(source = path, 'settling', 'queued'), owner = NULL, reason = :reason
WHERE id = :id AND state = 'running';

-- name: park
UPDATE bounces SET state = 'parked', owner = NULL, reason = :reason WHERE id = :id AND state = 'running';

-- name: unpark
UPDATE bounces SET state = 'queued', reason = NULL, due_at = 0 WHERE state = 'parked';

-- name: lost
DELETE FROM bounces WHERE id = :id AND state = 'running';

-- name: retry
UPDATE bounces
SET state = 'queued', reason = NULL, tries = 0, crashes = 0, due_at = 0, queued_at = :now, plan = NULL, finished_at = NULL,
    preset = coalesce(:preset, preset), content_sha256 = NULL, preset_hash = NULL, record = NULL, result = NULL,
    result_sha256 = NULL, is_told = 0
WHERE id = :id AND state = 'failed'
    AND NOT EXISTS (
        SELECT 1 FROM bounces AS other
        WHERE other.path = bounces.path AND other.state IN ('discovered', 'settling', 'queued', 'running', 'parked'));

-- name: rerun
INSERT OR IGNORE INTO bounces (path, stem, source, size, mtime_ns, preset, state, seen_at, queued_at)
SELECT path, stem, source, size, mtime_ns, :preset, 'queued', :now, :now FROM bounces
WHERE id = :id AND state IN ('done', 'unchanged');

-- name: one
SELECT * FROM bounces WHERE id = :id;

-- name: active_at
SELECT * FROM bounces
WHERE path = :path AND state IN ('discovered', 'settling', 'queued', 'running', 'parked');

-- name: in_state
SELECT * FROM bounces WHERE state = :state ORDER BY coalesce(finished_at, queued_at, seen_at), id;

-- name: latest
SELECT * FROM bounces WHERE state IN ('done', 'unchanged', 'failed') ORDER BY finished_at DESC, id DESC LIMIT :count;

-- name: unfinished
SELECT * FROM bounces WHERE state NOT IN ('done', 'unchanged', 'failed')
ORDER BY state = 'running' DESC, queued_at IS NULL, queued_at, id LIMIT :count;

-- name: counts
SELECT state, count(*) AS count FROM bounces GROUP BY state;

-- name: kept
SELECT path, size, mtime_ns FROM bounces WHERE state IN ('done', 'unchanged', 'failed') AND source = path ORDER BY id;

-- name: done_before
SELECT * FROM bounces WHERE state IN ('done', 'unchanged') AND source <> path AND finished_at < :before;

-- name: prune
DELETE FROM bounces WHERE state IN ('done', 'unchanged', 'failed') AND source <> path AND finished_at < :before;

-- name: prune_kept
DELETE FROM bounces
WHERE path = :path AND source = path AND state IN ('done', 'unchanged', 'failed') AND finished_at < :before;

-- name: serve
INSERT OR REPLACE INTO services (owner, preset, started_at) VALUES (:owner, :preset, :now);

-- name: services
SELECT owner, preset, started_at FROM services ORDER BY started_at;

-- name: leave
DELETE FROM services WHERE owner = :owner;
