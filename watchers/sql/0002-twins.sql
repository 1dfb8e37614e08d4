-- Bounces of one content: the one that another is restored for comes to its turn when that one has ended, and the chain
-- beside a result is known by its hash, so that it can be copied as the result is.
ALTER TABLE bounces ADD COLUMN awaits INTEGER;
ALTER TABLE bounces ADD COLUMN chain_sha256 TEXT;

-- Bounces are asked for by where their files lie, each time that one is numbered or gone.
CREATE INDEX bounces_path ON bounces (path);
CREATE INDEX bounces_source ON bounces (source);
CREATE INDEX bounces_result ON bounces (result);
CREATE INDEX bounces_untold ON bounces (finished_at) WHERE is_told = 0;

-- The original was looked after once the days that it was to be kept were over.
ALTER TABLE bounces ADD COLUMN is_removed INTEGER NOT NULL DEFAULT 0;

-- Files that are no bounces, each of which is told once for as long as it is there.
CREATE TABLE ignored (path BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- Why a service lets all its work wait, in one sentence; nothing while work goes on.
ALTER TABLE services ADD COLUMN waits TEXT;
-- When it said last that it is there: of one in a container that is gone nothing else tells.
ALTER TABLE services ADD COLUMN seen_at REAL NOT NULL DEFAULT 0;

-- What was finished last is asked for again and again, with thousands there that were finished before.
CREATE INDEX bounces_finished ON bounces (finished_at, id) WHERE state IN ('done', 'unchanged', 'failed');
CREATE INDEX bounces_failed ON bounces (finished_at, id) WHERE state = 'failed';
