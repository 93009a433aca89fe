-- +goose Up
CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  store TEXT NOT NULL, -- the id of the store
  needs INTEGER NOT NULL, -- the number of the oldest program that may use this schema
  made INTEGER NOT NULL -- when the store was made, in microseconds
) STRICT;

-- The keys of the key file that something is sealed with.
CREATE TABLE master (
  generation INTEGER PRIMARY KEY,
  key_id BLOB NOT NULL UNIQUE
) STRICT;

-- The secrets of the chain. Each links the entries from a number on, up to the next secret.
CREATE TABLE chain (
  first INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL,
  secret BLOB NOT NULL, -- sealed
  link BLOB NOT NULL, -- the last link that the secret before it made
  signature BLOB NOT NULL
) STRICT;

-- The ends of the journal: the last entry, and the last one that was pruned.
CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  epoch INTEGER NOT NULL,
  number INTEGER NOT NULL,
  link BLOB NOT NULL,
  pruned INTEGER NOT NULL,
  base BLOB NOT NULL,
  generation INTEGER NOT NULL,
  signature BLOB NOT NULL
) STRICT;

-- Changes that are begun and not settled.
CREATE TABLE intent (
  one INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  head INTEGER NOT NULL, -- the number of the last entry when the change began
  generation INTEGER NOT NULL,
  content BLOB NOT NULL
) STRICT;

-- The entries of the journal.
CREATE TABLE entry (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  epoch INTEGER NOT NULL,
  begun INTEGER NOT NULL, -- in microseconds, as settled
  settled INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  realm TEXT NOT NULL,
  organization TEXT NOT NULL,
  alias TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  key_id TEXT NOT NULL,
  origin TEXT NOT NULL,
  op TEXT NOT NULL,
  type TEXT NOT NULL,
  resource TEXT NOT NULL,
  outcome TEXT NOT NULL,
  done INTEGER NOT NULL,
  recovered INTEGER NOT NULL,
  commitment BLOB NOT NULL,
  link BLOB NOT NULL,
  generation INTEGER NOT NULL, -- of the key that seals the content and hashes the subjects
  content BLOB, -- NULL when nothing is left of it
  erased INTEGER NOT NULL -- 1 when a forgotten person was erased from the entry
) STRICT;
CREATE INDEX entry_resource ON entry (resource, number);
CREATE INDEX entry_tenant ON entry (tenant, number);
CREATE INDEX entry_settled ON entry (settled);

-- Hashes of what a person is found by.
CREATE TABLE subject (
  hash BLOB NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (hash, number)
) STRICT, WITHOUT ROWID;

-- Entries with many subjects, which are written in steps: those before next are written.
CREATE TABLE unindexed (
  number INTEGER PRIMARY KEY,
  next INTEGER NOT NULL
) STRICT;

-- Memberships that several changes changed at the same time, until somebody read them in Keycloak.
CREATE TABLE overlap (
  number INTEGER PRIMARY KEY, -- of the entry that was settled last
  members TEXT NOT NULL -- the ids of the users, as a JSON list
) STRICT;

-- What a client last sent of a resource, as the tenant then showed it. It is kept as long as the resource is there.
CREATE TABLE applied (
  tenant TEXT NOT NULL,
  resource TEXT NOT NULL,
  generation INTEGER NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (tenant, resource)
) STRICT;
CREATE INDEX applied_resource ON applied (resource);
CREATE INDEX applied_generation ON applied (generation);
