-- +goose Up
CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  store TEXT NOT NULL, -- the id of the store
  needs INTEGER NOT NULL, -- the number of the oldest program that may use this schema
  made INTEGER NOT NULL, -- when the store was made, in microseconds
  inode INTEGER NOT NULL -- of the file: a copy of the file has another one
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

-- Static tokens of tenants. The text of a token is nowhere.
CREATE TABLE token (
  realm TEXT NOT NULL,
  tenant TEXT NOT NULL, -- the key of the tenant; of an organization the id
  hash BLOB NOT NULL, -- SHA-256 of the token
  path TEXT NOT NULL, -- of the tenant when the token was made
  key_id TEXT NOT NULL,
  name TEXT NOT NULL,
  scopes INTEGER NOT NULL,
  expires INTEGER NOT NULL, -- in microseconds; 0 when the token has no end
  made INTEGER NOT NULL,
  epoch INTEGER NOT NULL, -- in which the token was made or accepted
  generation INTEGER NOT NULL, -- of the key that signs the row
  signature BLOB NOT NULL,
  PRIMARY KEY (realm, tenant, hash)
) STRICT, WITHOUT ROWID;

-- Tokens that are refused, wherever they are kept.
CREATE TABLE revocation (
  realm TEXT NOT NULL,
  tenant TEXT NOT NULL,
  hash BLOB NOT NULL,
  key_id TEXT NOT NULL,
  expires INTEGER NOT NULL, -- of the token; 0 when it has no end
  PRIMARY KEY (realm, tenant, hash)
) STRICT, WITHOUT ROWID;

-- The last use of each credential.
CREATE TABLE credential_use (
  realm TEXT NOT NULL,
  tenant TEXT NOT NULL,
  key_id TEXT NOT NULL, -- '' for a credential without a key id
  name TEXT NOT NULL, -- '' for a credential with a key id
  used INTEGER NOT NULL,
  PRIMARY KEY (realm, tenant, key_id, name)
) STRICT, WITHOUT ROWID;

-- From when on every use is known.
CREATE TABLE uses_since (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  since INTEGER NOT NULL
) STRICT;

-- What the removal brake knows of each tenant, by the tenant's path.
CREATE TABLE brake (
  tenant TEXT PRIMARY KEY,
  users INTEGER NOT NULL,
  counted INTEGER NOT NULL,
  lifted INTEGER NOT NULL,
  holding INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The removals within the window of the brake.
CREATE TABLE removal (
  tenant TEXT NOT NULL,
  user TEXT NOT NULL, -- the id
  removed INTEGER NOT NULL,
  PRIMARY KEY (tenant, user)
) STRICT, WITHOUT ROWID;
