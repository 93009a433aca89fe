-- +goose Up
CREATE TABLE {schema}.meta (
  one BIGINT PRIMARY KEY CHECK (one = 1),
  store TEXT COLLATE "C" NOT NULL, -- the id of the store
  needs BIGINT NOT NULL, -- the number of the oldest program that may use this schema
  made BIGINT NOT NULL, -- when the store was made, in microseconds
  place TEXT COLLATE "C" NOT NULL -- which database and tables: a restored dump has others
);

-- The keys of the key file that something is sealed with.
CREATE TABLE {schema}.master (
  generation BIGINT PRIMARY KEY,
  key_id BYTEA NOT NULL UNIQUE
);

-- The secrets of the chain. Each links the entries from a number on, up to the next secret.
CREATE TABLE {schema}.chain (
  first BIGINT PRIMARY KEY,
  generation BIGINT NOT NULL,
  secret BYTEA NOT NULL, -- sealed
  link BYTEA NOT NULL, -- the last link that the secret before it made
  signature BYTEA NOT NULL
);

-- The ends of the journal: the last entry, and the last one that was pruned.
CREATE TABLE {schema}.head (
  one BIGINT PRIMARY KEY CHECK (one = 1),
  epoch BIGINT NOT NULL,
  number BIGINT NOT NULL,
  link BYTEA NOT NULL,
  pruned BIGINT NOT NULL,
  base BYTEA NOT NULL,
  generation BIGINT NOT NULL,
  signature BYTEA NOT NULL,
  process TEXT COLLATE "C" NOT NULL DEFAULT '', -- which process writes
  turn BYTEA NOT NULL DEFAULT '', -- another one after each commit: a commit follows the commit that it knows
  bytes BIGINT NOT NULL DEFAULT 0 -- about what the entries use
) WITH (fillfactor = 20);

-- Changes that are begun and not settled.
CREATE TABLE {schema}.intent (
  one BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id BYTEA NOT NULL UNIQUE,
  head BIGINT NOT NULL, -- the number of the last entry when the change began
  generation BIGINT NOT NULL,
  content BYTEA NOT NULL
);

-- The entries of the journal.
CREATE TABLE {schema}.entry (
  number BIGINT PRIMARY KEY,
  id BYTEA NOT NULL UNIQUE,
  epoch BIGINT NOT NULL,
  begun BIGINT NOT NULL, -- in microseconds, as settled
  settled BIGINT NOT NULL,
  tenant TEXT COLLATE "C" NOT NULL,
  realm TEXT COLLATE "C" NOT NULL,
  organization TEXT COLLATE "C" NOT NULL,
  alias TEXT COLLATE "C" NOT NULL,
  actor_kind TEXT COLLATE "C" NOT NULL,
  actor TEXT COLLATE "C" NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL,
  origin TEXT COLLATE "C" NOT NULL,
  op TEXT COLLATE "C" NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  resource TEXT COLLATE "C" NOT NULL,
  outcome TEXT COLLATE "C" NOT NULL,
  done BIGINT NOT NULL,
  recovered BOOLEAN NOT NULL,
  commitment BYTEA NOT NULL,
  link BYTEA NOT NULL,
  generation BIGINT NOT NULL, -- of the key that seals the content and hashes the subjects
  content BYTEA, -- NULL when nothing is left of it
  erased BOOLEAN NOT NULL -- whether a forgotten person was erased from the entry
);
CREATE INDEX entry_resource ON {schema}.entry (resource, number);
CREATE INDEX entry_tenant ON {schema}.entry (tenant, number);
CREATE INDEX entry_settled ON {schema}.entry (settled);

-- Hashes of what a person is found by.
CREATE TABLE {schema}.subject (
  hash BYTEA NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (hash, number)
);

-- Entries with many subjects, which are written in steps: those before next are written.
CREATE TABLE {schema}.unindexed (
  number BIGINT PRIMARY KEY,
  next BIGINT NOT NULL
);

-- Memberships that several changes changed at the same time, until somebody read them in Keycloak.
CREATE TABLE {schema}.overlap (
  number BIGINT PRIMARY KEY, -- of the entry that was settled last
  members TEXT COLLATE "C" NOT NULL -- the ids of the users, as a JSON list
);

-- What a client last sent of a resource, as the tenant then showed it. It is kept as long as the resource is there.
CREATE TABLE {schema}.applied (
  tenant TEXT COLLATE "C" NOT NULL,
  resource TEXT COLLATE "C" NOT NULL,
  generation BIGINT NOT NULL,
  content BYTEA NOT NULL,
  PRIMARY KEY (tenant, resource)
);
CREATE INDEX applied_resource ON {schema}.applied (resource);
CREATE INDEX applied_generation ON {schema}.applied (generation);

-- Requests of clients and of the operator, as they were answered.
CREATE TABLE {schema}.activity (
  number BIGINT PRIMARY KEY,
  id BYTEA NOT NULL UNIQUE,
  at BIGINT NOT NULL, -- when the request arrived, in microseconds
  took BIGINT NOT NULL, -- in microseconds
  tenant TEXT COLLATE "C" NOT NULL,
  realm TEXT COLLATE "C" NOT NULL,
  actor_kind TEXT COLLATE "C" NOT NULL,
  actor TEXT COLLATE "C" NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL,
  origin TEXT COLLATE "C" NOT NULL,
  part_of BYTEA, -- the id of the bulk request
  method TEXT COLLATE "C" NOT NULL,
  route TEXT COLLATE "C" NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  resource TEXT COLLATE "C" NOT NULL,
  status BIGINT NOT NULL,
  code TEXT COLLATE "C" NOT NULL,
  calls BIGINT NOT NULL,
  change BYTEA, -- the id of the last change
  failed BIGINT NOT NULL,
  size BIGINT NOT NULL,
  lacks TEXT COLLATE "C" NOT NULL,
  password BOOLEAN NOT NULL,
  erased BOOLEAN NOT NULL,
  bytes BIGINT NOT NULL, -- of the share of the tenant
  generation BIGINT, -- of the key that seals the content and hashes the subjects; NULL without content
  subjects BYTEA, -- the hashes of the row in activity_subject, one after the other
  content BYTEA -- sealed
);
CREATE INDEX activity_tenant ON {schema}.activity (tenant, number, bytes);
CREATE INDEX activity_resource ON {schema}.activity (resource, number) WHERE resource <> '';
CREATE INDEX activity_part_of ON {schema}.activity (part_of, number) WHERE part_of IS NOT NULL;
CREATE INDEX activity_failed ON {schema}.activity (number) WHERE status >= 400;
CREATE INDEX activity_at ON {schema}.activity (at);
CREATE INDEX activity_generation ON {schema}.activity (generation) WHERE generation IS NOT NULL;

-- Hashes of what the documents of requests name.
CREATE TABLE {schema}.activity_subject (
  hash BYTEA NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (hash, number)
);

-- How many requests got no row, in each minute or hour.
CREATE TABLE {schema}.tally (
  minute BIGINT NOT NULL, -- when the span begins, in minutes since 1970
  span BIGINT NOT NULL, -- in minutes
  tenant TEXT COLLATE "C" NOT NULL,
  what TEXT COLLATE "C" NOT NULL,
  n BIGINT NOT NULL,
  PRIMARY KEY (minute, span, tenant, what)
);

-- Static tokens of tenants. The text of a token is nowhere.
CREATE TABLE {schema}.token (
  realm TEXT COLLATE "C" NOT NULL,
  tenant TEXT COLLATE "C" NOT NULL, -- the key of the tenant; of an organization the id
  hash BYTEA NOT NULL, -- SHA-256 of the token
  path TEXT COLLATE "C" NOT NULL, -- of the tenant when the token was made
  key_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  scopes BIGINT NOT NULL,
  expires BIGINT NOT NULL, -- in microseconds; 0 when the token has no end
  made BIGINT NOT NULL,
  epoch BIGINT NOT NULL, -- in which the token was made or accepted
  generation BIGINT NOT NULL, -- of the key that signs the row
  signature BYTEA NOT NULL,
  PRIMARY KEY (realm, tenant, hash)
);

-- Tokens that are refused, wherever they are kept.
CREATE TABLE {schema}.revocation (
  realm TEXT COLLATE "C" NOT NULL,
  tenant TEXT COLLATE "C" NOT NULL,
  hash BYTEA NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL,
  expires BIGINT NOT NULL, -- of the token; 0 when it has no end
  PRIMARY KEY (realm, tenant, hash)
);

-- The last use of each credential.
CREATE TABLE {schema}.credential_use (
  realm TEXT COLLATE "C" NOT NULL,
  tenant TEXT COLLATE "C" NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL, -- '' for a credential without a key id
  name TEXT COLLATE "C" NOT NULL, -- '' for a credential with a key id
  used BIGINT NOT NULL,
  PRIMARY KEY (realm, tenant, key_id, name)
);

-- From when on every use is known.
CREATE TABLE {schema}.uses_since (
  one BIGINT PRIMARY KEY CHECK (one = 1),
  since BIGINT NOT NULL
);

-- What the removal brake knows of each tenant, by the tenant's path.
CREATE TABLE {schema}.brake (
  tenant TEXT COLLATE "C" PRIMARY KEY,
  users BIGINT NOT NULL,
  counted BIGINT NOT NULL,
  lifted BIGINT NOT NULL,
  holding BOOLEAN NOT NULL
);

-- The removals within the window of the brake.
CREATE TABLE {schema}.removal (
  tenant TEXT COLLATE "C" NOT NULL,
  "user" TEXT COLLATE "C" NOT NULL, -- the id
  removed BIGINT NOT NULL,
  PRIMARY KEY (tenant, "user")
);

-- What is sealed cannot be compressed.
ALTER TABLE {schema}.entry ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE {schema}.applied ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE {schema}.activity ALTER COLUMN content SET STORAGE EXTERNAL;
