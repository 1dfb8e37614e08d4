-- What the ledger asks and says. Each statement follows its name; parameters are named.
-- Where a path has one unfinished bounce at most, all states that are not finished are named, as the index by which it
-- is found at once is over these.

-- name: discover
INSERT OR IGNORE INTO bounces (path, stem, source, size, mtime_ns, state, seen_at)
VALUES (:path, :stem, :source, :size, :mtime_ns, 'discovered', :now);

-- name: settle
UPDATE bounces SET state = 'settling', reason = :reason, size = :size, mtime_ns = :mtime_ns,
    tries = iif(size = :size AND mtime_ns = :mtime_ns, tries, 0),
    crashes = iif(size = :size AND mtime_ns = :mtime_ns, crashes, 0),
    due_at = iif(size = :size AND mtime_ns = :mtime_ns, due_at, 0)
WHERE path = :path AND source = path AND plan IS NULL
    AND state IN ('discovered', 'settling', 'queued', 'running', 'parked')
    AND (state IN ('discovered', 'settling') OR state = 'queued' AND (size <> :size OR mtime_ns <> :mtime_ns));

-- name: queue
UPDATE bounces SET state = 'queued', reason = :reason, size = :size, mtime_ns = :mtime_ns, queued_at = :now,
    tries = iif(size = :size AND mtime_ns = :mtime_ns, tries, 0),
    crashes = iif(size = :size AND mtime_ns = :mtime_ns, crashes, 0),
    due_at = iif(size = :size AND mtime_ns = :mtime_ns, due_at, 0)
WHERE path = :path AND source = path AND state IN ('discovered', 'settling', 'queued', 'running', 'parked')
    AND state IN ('discovered', 'settling');

-- name: forget
DELETE FROM bounces
WHERE path = :path AND source = path AND plan IS NULL AND state IN ('discovered', 'settling', 'queued', 'running', 'parked')
    AND state <> 'running';

-- name: next
SELECT * FROM bounces
WHERE state = 'queued' AND (due_at <= :now OR due_at > :latest)
    AND NOT EXISTS (SELECT 1 FROM bounces AS other WHERE other.id = bounces.awaits AND other.state = 'running')
    AND NOT EXISTS (
        SELECT 1 FROM bounces AS other
        WHERE other.stem = bounces.stem AND other.id <> bounces.id
            AND (other.state = 'running' OR other.plan IS NOT NULL AND other.state IN ('queued', 'parked')))
ORDER BY queued_at, id
LIMIT :count;

-- name: start
UPDATE bounces SET state = 'running', owner = :owner, service = :service, progress = 0, reason = NULL, awaits = NULL,
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

-- name: twin_at_work
SELECT * FROM bounces
WHERE content_sha256 = :content_sha256 AND preset_hash = :preset_hash AND id <> :id AND state = 'running'
LIMIT 1;

-- name: progress
UPDATE bounces SET progress = :progress WHERE id = :id AND state = 'running';

-- name: beat
UPDATE bounces SET beat = beat + 1 WHERE id = :id AND state = 'running';

-- name: plan
UPDATE bounces
SET plan = :plan, record = :record, result = :result, result_sha256 = :result_sha256, chain_sha256 = :chain_sha256,
    reason = :reason
WHERE id = :id AND state = 'running';

-- name: replan
UPDATE bounces SET plan = :plan WHERE id = :id AND state = 'running';

-- name: unplan
UPDATE bounces
SET state = 'queued', owner = NULL, plan = NULL, record = NULL, result = NULL, reason = :reason, due_at = :due_at,
    tries = tries + :tries
WHERE id = :id AND state = 'running';

-- name: rename_source
UPDATE bounces SET source = :new WHERE source = :old AND id <> :id AND state IN ('done', 'unchanged', 'failed');

-- name: rename_result
UPDATE bounces SET result = :new WHERE result = :old AND id <> :id AND state IN ('done', 'unchanged', 'failed');

-- name: finish
UPDATE bounces
SET state = :state, source = :source, reason = :reason, plan = NULL, owner = NULL, progress = 1, finished_at = :now,
    is_told = :is_told
WHERE id = :id AND state = 'running';

-- name: take_errand
UPDATE bounces SET owner = :owner
WHERE id = :id AND state IN ('done', 'unchanged', 'failed') AND is_told = 0 AND owner IS :before;

-- name: told
UPDATE bounces SET is_told = 1, owner = iif(state IN ('done', 'unchanged', 'failed'), NULL, owner) WHERE id = :id;

-- name: untold
SELECT * FROM bounces WHERE state IN ('done', 'unchanged', 'failed') AND is_told = 0 ORDER BY finished_at, id;

-- name: again
UPDATE bounces
SET state = 'queued', owner = NULL, reason = :reason, due_at = :due_at, awaits = :awaits,
    tries = tries + :tries, crashes = crashes + :crashes
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
    result_sha256 = NULL, chain_sha256 = NULL, is_told = 0
WHERE id = :id AND state = 'failed'
    AND NOT EXISTS (
        SELECT 1 FROM bounces AS other
        WHERE other.path = bounces.path AND other.state IN ('discovered', 'settling', 'queued', 'running', 'parked'));

-- name: hasten
UPDATE bounces SET due_at = 0 WHERE id = :id AND state = 'queued' AND due_at > :now;

-- name: rerun
INSERT OR IGNORE INTO bounces (path, stem, source, size, mtime_ns, preset, state, seen_at, queued_at)
SELECT path, stem, source, size, mtime_ns, :preset, 'queued', :now, :now FROM bounces
WHERE id = :id AND state IN ('done', 'unchanged');

-- name: one
SELECT * FROM bounces WHERE id = :id;

-- name: in_state
SELECT * FROM bounces WHERE state = :state ORDER BY coalesce(finished_at, queued_at, seen_at), id;

-- name: latest
SELECT * FROM bounces INDEXED BY bounces_finished WHERE state IN ('done', 'unchanged', 'failed') ORDER BY finished_at DESC, id DESC LIMIT :count;

-- name: older
SELECT * FROM bounces INDEXED BY bounces_finished
WHERE state IN ('done', 'unchanged', 'failed') AND (finished_at, id) < (:finished_at, :before_id)
    AND (:state IS NULL OR state = :state)
ORDER BY finished_at DESC, id DESC
LIMIT :count;

-- name: failed
SELECT * FROM bounces INDEXED BY bounces_failed WHERE state = 'failed' ORDER BY finished_at DESC, id DESC LIMIT :count;

-- name: to_retry
SELECT max(id) AS id FROM bounces WHERE state = 'failed' GROUP BY path
UNION ALL
SELECT id FROM bounces WHERE state = 'queued' AND due_at > :now
ORDER BY id;

-- name: unfinished
SELECT * FROM bounces WHERE state IN ('discovered', 'settling', 'queued', 'running', 'parked')
ORDER BY state = 'running' DESC, queued_at IS NULL, queued_at, id LIMIT :count;

-- name: counts
SELECT state, count(*) AS count FROM bounces GROUP BY state;

-- name: kept
SELECT path, size, mtime_ns FROM bounces WHERE state IN ('done', 'unchanged', 'failed') AND source = path ORDER BY id;

-- name: done_before
SELECT * FROM bounces
WHERE state IN ('done', 'unchanged') AND source <> path AND finished_at < :before AND is_removed = 0
LIMIT :count;

-- name: removed
UPDATE bounces SET is_removed = 1 WHERE id = :id AND state IN ('done', 'unchanged');

-- name: open_paths
SELECT path FROM bounces WHERE state IN ('discovered', 'settling', 'queued', 'running', 'parked');

-- name: ignored
SELECT path FROM ignored;

-- name: ignore
INSERT OR IGNORE INTO ignored (path) VALUES (:path);

-- name: heed
DELETE FROM ignored WHERE path = :path;

-- name: prune
DELETE FROM bounces WHERE state IN ('done', 'unchanged', 'failed') AND source <> path AND finished_at < :before;

-- name: prune_kept
DELETE FROM bounces
WHERE path = :path AND source = path AND state IN ('done', 'unchanged', 'failed') AND finished_at < :before;

-- name: serve
INSERT OR REPLACE INTO services (owner, preset, started_at, seen_at) VALUES (:owner, :preset, :now, :now);

-- name: attend
UPDATE services SET seen_at = :now WHERE owner = :owner;

-- name: services
SELECT owner, preset, waits, seen_at FROM services ORDER BY started_at;

-- name: wait
UPDATE services SET waits = :waits WHERE owner = :owner;

-- name: leave
DELETE FROM services WHERE owner = :owner;
