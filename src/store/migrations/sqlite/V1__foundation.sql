-- Ids are UUIDs in 16 bytes, times are milliseconds UTC.

CREATE TABLE users (
    id                BLOB PRIMARY KEY NOT NULL,
    username          TEXT NOT NULL,
    username_key      TEXT NOT NULL UNIQUE,
    username_look     TEXT NOT NULL UNIQUE,
    display_name      TEXT NOT NULL,
    display_name_key  TEXT NOT NULL,
    email             TEXT NOT NULL,
    email_key         TEXT NOT NULL UNIQUE,
    password          TEXT NOT NULL,
    is_admin          INTEGER NOT NULL DEFAULT 0,
    is_disabled       INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    last_seen_at      INTEGER
) WITHOUT ROWID;

CREATE TABLE sessions (
    id            BLOB PRIMARY KEY NOT NULL,
    user_id       BLOB NOT NULL REFERENCES users (id),
    created_at    INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    user_agent    TEXT,
    address       TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE rooms (
    id            BLOB PRIMARY KEY NOT NULL,
    name          TEXT NOT NULL,
    name_key      TEXT NOT NULL,
    description   TEXT,
    is_private    INTEGER NOT NULL,
    created_by    BLOB NOT NULL REFERENCES users (id),
    created_at    INTEGER NOT NULL,
    last_seq      INTEGER NOT NULL DEFAULT 0,
    member_count  INTEGER NOT NULL DEFAULT 0,
    deleted_at    INTEGER
) WITHOUT ROWID;
CREATE INDEX rooms_public ON rooms (is_private, created_at, id);
CREATE INDEX rooms_deleted ON rooms (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE room_members (
    room_id       BLOB NOT NULL REFERENCES rooms (id),
    user_id       BLOB NOT NULL REFERENCES users (id),
    is_admin      INTEGER NOT NULL DEFAULT 0,
    joined_at     INTEGER NOT NULL,
    read_seq      INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) WITHOUT ROWID;
CREATE INDEX room_members_order ON room_members (room_id, joined_at, user_id);
CREATE INDEX room_members_user ON room_members (user_id, joined_at, room_id);

CREATE TABLE room_bans (
    room_id       BLOB NOT NULL REFERENCES rooms (id),
    user_id       BLOB NOT NULL REFERENCES users (id),
    banned_by     BLOB NOT NULL REFERENCES users (id),
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) WITHOUT ROWID;
CREATE INDEX room_bans_order ON room_bans (room_id, created_at, user_id);

-- The newest row of a room is its invite; earlier ones stay as revoked, so that they can say what became of them.
CREATE TABLE room_invites (
    token         TEXT PRIMARY KEY NOT NULL,
    room_id       BLOB NOT NULL REFERENCES rooms (id),
    created_by    BLOB NOT NULL REFERENCES users (id),
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER,
    max_uses      INTEGER,
    uses          INTEGER NOT NULL DEFAULT 0,
    revoked_at    INTEGER
) WITHOUT ROWID;
CREATE INDEX room_invites_room ON room_invites (room_id);

CREATE TABLE messages (
    room_id       BLOB NOT NULL REFERENCES rooms (id),
    seq           INTEGER NOT NULL,
    id            BLOB NOT NULL,
    user_id       BLOB NOT NULL REFERENCES users (id),
    content       TEXT NOT NULL,
    message_type  TEXT NOT NULL,
    client_id     TEXT,
    reply_to      BLOB,
    created_at    INTEGER NOT NULL,
    edited_at     INTEGER,
    deleted_at    INTEGER,
    PRIMARY KEY (room_id, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX messages_id ON messages (id);
CREATE UNIQUE INDEX messages_client_id ON messages (user_id, client_id) WHERE client_id IS NOT NULL;
