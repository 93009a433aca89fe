-- +goose Up
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
