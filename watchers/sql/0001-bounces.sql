-- One row a bounce: a file as it was dropped, with the content that it had then.
-- Paths count from the watched folder, with slashes, as the bytes that the file system knows them by.
CREATE TABLE bounces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: pages that lie open name bounces by it
    path BLOB NOT NULL,                  -- where it was dropped
    stem BLOB NOT NULL,                  -- the path without its suffix, in small letters: those of one stem share names
    source BLOB NOT NULL,                -- where the original lies now
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    content_sha256 TEXT,
    preset TEXT,                         -- asked for this bounce alone; else the folder's
    preset_hash TEXT,
    state TEXT NOT NULL CHECK (state IN (
        'discovered', 'settling', 'queued', 'running', 'done', 'unchanged', 'failed', 'parked')),
    reason TEXT,                         -- why it waits or failed, in one sentence
    tries INTEGER NOT NULL DEFAULT 0,    -- that failed for a reason that may pass
    crashes INTEGER NOT NULL DEFAULT 0,  -- of the process that worked on it
    due_at REAL NOT NULL DEFAULT 0,
    owner TEXT,                          -- the process that works on it
    service TEXT,                        -- and the one that gave it the work
    beat INTEGER NOT NULL DEFAULT 0,     -- grows as long as that process lives
    progress REAL NOT NULL DEFAULT 0,
    plan TEXT,                           -- what is left to be done once the result is there
    record TEXT,
    result BLOB,
    result_sha256 TEXT,
    is_told INTEGER NOT NULL DEFAULT 0,  -- the on_done or on_failed command was run
    seen_at REAL NOT NULL,
    queued_at REAL,
    started_at REAL,
    finished_at REAL
) STRICT;

CREATE UNIQUE INDEX bounces_active ON bounces (path)
    WHERE state IN ('discovered', 'settling', 'queued', 'running', 'parked');
CREATE UNIQUE INDEX bounces_key ON bounces (path, content_sha256, preset_hash)
    WHERE content_sha256 IS NOT NULL;
CREATE INDEX bounces_state ON bounces (state, queued_at, id);
CREATE INDEX bounces_stem ON bounces (stem);
CREATE INDEX bounces_content ON bounces (content_sha256, preset_hash);

-- The services that were started on this folder from this machine.
CREATE TABLE services (
    owner TEXT PRIMARY KEY,
    preset TEXT NOT NULL,
    started_at REAL NOT NULL
) STRICT;
