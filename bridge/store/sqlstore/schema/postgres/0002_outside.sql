-- +goose Up
-- Texts that the bridge can make again, in parts. A part of a version that is not the present one is to be removed.
CREATE TABLE {schema}.snapshot_part (
  name TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  part BIGINT NOT NULL,
  generation BIGINT NOT NULL,
  content BYTEA NOT NULL, -- sealed
  PRIMARY KEY (name, version, part)
);

-- The present version of each snapshot.
CREATE TABLE {schema}.snapshot (
  name TEXT COLLATE "C" PRIMARY KEY,
  version BIGINT NOT NULL,
  parts BIGINT NOT NULL
);

-- Up to where each reader has read, such as the reader of a realm's events.
CREATE TABLE {schema}.place (
  reader TEXT COLLATE "C" PRIMARY KEY,
  at BIGINT NOT NULL -- in microseconds
);

ALTER TABLE {schema}.snapshot_part ALTER COLUMN content SET STORAGE EXTERNAL;
