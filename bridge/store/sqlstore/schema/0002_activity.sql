-- +goose Up
-- Requests of clients and of the operator, as they were answered.
CREATE TABLE activity (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  at INTEGER NOT NULL, -- when the request arrived, in microseconds
  took INTEGER NOT NULL, -- in microseconds
  tenant TEXT NOT NULL,
  realm TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  key_id TEXT NOT NULL,
  origin TEXT NOT NULL,
  part_of BLOB, -- the id of the bulk request
  method TEXT NOT NULL,
  route TEXT NOT NULL,
  type TEXT NOT NULL,
  resource TEXT NOT NULL,
  status INTEGER NOT NULL,
  code TEXT NOT NULL,
  calls INTEGER NOT NULL,
  change BLOB, -- the id of the last change
  failed INTEGER NOT NULL,
  size INTEGER NOT NULL,
  lacks TEXT NOT NULL,
  password INTEGER NOT NULL,
  erased INTEGER NOT NULL,
  bytes INTEGER NOT NULL, -- of the share of the tenant
  generation INTEGER, -- of the key that seals the content and hashes the subjects; NULL without content
  subjects BLOB, -- the hashes of the row in activity_subject, one after the other
  content BLOB -- sealed
) STRICT;
CREATE INDEX activity_tenant ON activity (tenant, number, bytes);
CREATE INDEX activity_resource ON activity (resource, number) WHERE resource <> '';
CREATE INDEX activity_part_of ON activity (part_of, number) WHERE part_of IS NOT NULL;
CREATE INDEX activity_failed ON activity (number) WHERE status >= 400;
CREATE INDEX activity_at ON activity (at);
CREATE INDEX activity_generation ON activity (generation) WHERE generation IS NOT NULL;

-- Hashes of what the documents of requests name.
CREATE TABLE activity_subject (
  hash BLOB NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (hash, number)
) STRICT, WITHOUT ROWID;

-- How many requests got no row, in each minute or hour.
CREATE TABLE tally (
  minute INTEGER NOT NULL, -- when the span begins, in minutes since 1970
  span INTEGER NOT NULL, -- in minutes
  tenant TEXT NOT NULL,
  what TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (minute, span, tenant, what)
) STRICT, WITHOUT ROWID;
