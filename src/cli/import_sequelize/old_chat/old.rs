//! What the old tables hold: which columns are read, and how a row is read. A name stands here in small
//! letters and without underscores, as names are compared, the usual one first.

use super::ids::OldId;
use crate::model::Time;

/// A cell as MySQL writes it in text; nothing for NULL.
pub(super) type Cell = Option<Vec<u8>>;

/// A time in numbers that is larger than this is in milliseconds, else in seconds.
const LARGEST_SECONDS: u64 = 100_000_000_000;
/// What the zero date of MySQL begins with.
const ZERO_DATE: &str = "0000-00-00";

/// A table that is looked for.
pub(super) struct Wanted {
    /// What it may be called.
    pub names: &'static [&'static str],
    /// What is read of it, in the order in which [`Row`]s are read.
    pub columns: &'static [Column],
    /// Whether nothing can be done without it.
    pub is_needed: bool,
}

/// A column that is looked for.
pub(super) struct Column {
    /// What it may be called.
    pub names: &'static [&'static str],
    /// Whether nothing can be done without it.
    pub is_needed: bool,
}

const fn needed(names: &'static [&'static str]) -> Column {
    Column {
        names,
        is_needed: true,
    }
}

const fn optional(names: &'static [&'static str]) -> Column {
    Column {
        names,
        is_needed: false,
    }
}

/// A row that is being read, from its first column to its last.
pub(super) struct Row {
    /// Each cell, and whether its column has bytes, not text.
    cells: std::vec::IntoIter<(Cell, bool)>,
}

impl Row {
    /// A row, and of its first columns whether they have bytes; the others have text.
    pub fn new(cells: Vec<Cell>, is_binary: &[bool]) -> Self {
        let is_binary = is_binary.iter().copied().chain(std::iter::repeat(false));
        let cells: Vec<_> = cells.into_iter().zip(is_binary).collect();
        Self {
            cells: cells.into_iter(),
        }
    }

    fn cell(&mut self) -> (Cell, bool) {
        self.cells.next().unwrap_or_default()
    }

    fn id(&mut self) -> Option<OldId> {
        let (cell, is_binary) = self.cell();
        OldId::read(&cell?, is_binary)
    }

    pub fn text(&mut self) -> Option<String> {
        let (cell, _) = self.cell();
        Some(String::from_utf8_lossy(&cell?).into_owned())
    }

    fn time(&mut self) -> OldTime {
        let text = self.text();
        text.map_or(OldTime::None, |text| OldTime::read(&text))
    }

    /// A number, of which only the whole counts.
    fn number(&mut self) -> Option<i64> {
        let text = self.text()?;
        let (whole, _) = number(text.trim())?;
        Some(whole)
    }

    /// A switch: `BIT` columns have a byte, the others a number or a word.
    fn truth(&mut self) -> Option<bool> {
        let (cell, _) = self.cell();
        match cell?.to_ascii_lowercase().as_slice() {
            [1] | b"1" | b"true" | b"t" | b"yes" | b"y" => Some(true),
            [0] | b"0" | b"false" | b"f" | b"no" | b"n" => Some(false),
            _ => None,
        }
    }
}

/// Reads a number, as integers and decimals are written: what stands before the point, and behind it.
fn number(text: &str) -> Option<(i64, &str)> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = part.bytes().all(|b| b.is_ascii_digit());
    whole
        .parse()
        .ok()
        .filter(|_| is_number)
        .map(|whole| (whole, part))
}

/// Milliseconds of a number since 1970, which has seconds or milliseconds.
fn since_1970((whole, part): (i64, &str)) -> i64 {
    if whole.unsigned_abs() > LARGEST_SECONDS {
        return whole;
    }
    let ms = format!("{part:0<3}")
        .get(..3)
        .and_then(|ms| ms.parse().ok());
    whole * 1000 + ms.unwrap_or(0)
}

/// A time as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OldTime {
    /// NULL, or an empty text.
    None,
    /// The zero date of MySQL.
    Zero,
    /// Something that is no time.
    Wrong,
    At(Time),
}

impl OldTime {
    /// Reads a time, in UTC unless it says otherwise, or a number since 1970.
    fn read(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::None;
        }
        if let Some(number) = number(text) {
            return Self::At(Time(since_1970(number)));
        }
        if text.starts_with(ZERO_DATE) {
            return Self::Zero;
        }
        // Sequelize writes its texts as 2024-01-02 03:04:05.678 +00:00.
        let joined = text.replacen(' ', "T", 1).replace(' ', "");
        let with_zone = format!("{joined}Z");
        let whole_day = format!("{text}T00:00:00Z");
        let forms: [&str; 4] = [text, &joined, &with_zone, &whole_day];
        let read = forms.iter().find_map(|form| form.parse().ok());
        read.map_or(Self::Wrong, Self::At)
    }

    /// Whether something was done, if this is the time at which it was.
    pub fn is_set(self) -> bool {
        match self {
            // A number that is 0 is the default of a column which says that nothing was done.
            Self::At(time) => time.0 > 0,
            Self::None | Self::Zero => false,
            // Nobody may guess that what was removed was not.
            Self::Wrong => true,
        }
    }

    /// The time if it can be meant.
    pub fn sensible(self, now: Time) -> Option<Time> {
        match self {
            Self::At(time) if time.0 > 0 && time <= now => Some(time),
            _ => None,
        }
    }

    /// The nearest sensible time: `now` for what has not come yet, else `fallback`; and what was wrong.
    pub fn mended(self, now: Time, fallback: Time) -> (Time, Option<&'static str>) {
        match self {
            Self::At(time) if time > now => (now, Some("a time that has not come yet")),
            Self::At(time) if time.0 > 0 => (time, None),
            Self::None => (fallback, Some("no time")),
            Self::At(_) | Self::Zero | Self::Wrong => {
                (fallback, Some("a time that cannot be meant"))
            }
        }
    }
}

/// Somebody.
#[derive(Debug)]
pub(super) struct OldUser {
    pub id: Option<OldId>,
    pub username: Option<String>,
    pub email: Option<String>,
    pub password: Option<String>,
    pub created_at: OldTime,
    pub deleted_at: OldTime,
}

pub(super) const USERS: Wanted = Wanted {
    names: &["users", "user"],
    columns: &[
        needed(&["id"]),
        needed(&["username", "name"]),
        needed(&["email"]),
        needed(&["password", "passwordhash"]),
        optional(&["createdat"]),
        optional(&["deletedat"]),
    ],
    is_needed: true,
};

impl OldUser {
    pub fn read(mut row: Row) -> Self {
        Self {
            id: row.id(),
            username: row.text(),
            email: row.text(),
            password: row.text(),
            created_at: row.time(),
            deleted_at: row.time(),
        }
    }
}

/// A room.
#[derive(Debug)]
pub(super) struct OldRoom {
    pub id: Option<OldId>,
    pub name: Option<String>,
    pub is_private: Option<bool>,
    pub description: Option<String>,
    pub created_by: Option<OldId>,
    pub created_at: OldTime,
    pub deleted_at: OldTime,
}

pub(super) const ROOMS: Wanted = Wanted {
    names: &["rooms", "room", "chatrooms"],
    columns: &[
        needed(&["id"]),
        needed(&["name"]),
        // Nobody may guess what was meant to be private.
        needed(&["isprivate", "private"]),
        optional(&["description"]),
        optional(&["createdby", "creatorid", "ownerid"]),
        optional(&["createdat"]),
        optional(&["deletedat"]),
    ],
    is_needed: true,
};

impl OldRoom {
    pub fn read(mut row: Row) -> Self {
        Self {
            id: row.id(),
            name: row.text(),
            is_private: row.truth(),
            description: row.text(),
            created_by: row.id(),
            created_at: row.time(),
            deleted_at: row.time(),
        }
    }
}

/// Somebody in a room.
#[derive(Debug)]
pub(super) struct OldMember {
    pub user: Option<OldId>,
    pub room: Option<OldId>,
    pub joined_at: OldTime,
    pub role: Option<String>,
    pub deleted_at: OldTime,
}

pub(super) const MEMBERS: Wanted = Wanted {
    names: &["roommembers", "roommember", "roomusers", "userrooms"],
    columns: &[
        needed(&["userid"]),
        needed(&["roomid"]),
        optional(&["joinedat", "createdat"]),
        optional(&["role"]),
        optional(&["deletedat"]),
    ],
    is_needed: true,
};

impl OldMember {
    pub fn read(mut row: Row) -> Self {
        Self {
            user: row.id(),
            room: row.id(),
            joined_at: row.time(),
            role: row.text(),
            deleted_at: row.time(),
        }
    }
}

/// An invite.
#[derive(Debug)]
pub(super) struct OldInvite {
    pub room: Option<OldId>,
    pub code: Option<String>,
    pub created_by: Option<OldId>,
    pub created_at: OldTime,
    pub expires_at: OldTime,
    pub is_active: Option<bool>,
    pub max_uses: Option<i64>,
    pub uses: Option<i64>,
    pub deleted_at: OldTime,
}

pub(super) const INVITES: Wanted = Wanted {
    names: &["roominvites", "roominvite", "invites"],
    columns: &[
        needed(&["roomid"]),
        needed(&["invitecode", "code", "token"]),
        optional(&["createdby", "invitedby"]),
        optional(&["createdat"]),
        optional(&["expiresat", "expires", "expiry"]),
        optional(&["isactive", "active"]),
        optional(&["maxuses"]),
        optional(&["uses", "usecount", "usedcount", "usagecount", "currentuses"]),
        optional(&["deletedat"]),
    ],
    is_needed: false,
};

impl OldInvite {
    pub fn read(mut row: Row) -> Self {
        Self {
            room: row.id(),
            code: row.text(),
            created_by: row.id(),
            created_at: row.time(),
            expires_at: row.time(),
            is_active: row.truth(),
            max_uses: row.number(),
            uses: row.number(),
            deleted_at: row.time(),
        }
    }
}

/// A message.
#[derive(Debug)]
pub(super) struct OldMessage {
    pub id: Option<OldId>,
    pub room: Option<OldId>,
    pub user: Option<OldId>,
    pub content: Option<String>,
    pub created_at: OldTime,
    pub message_type: Option<String>,
    pub deleted_at: OldTime,
}

pub(super) const MESSAGES: Wanted = Wanted {
    names: &["messages", "message", "chatmessages"],
    columns: &[
        needed(&["id"]),
        needed(&["roomid"]),
        needed(&["userid", "senderid"]),
        needed(&["content", "text", "message"]),
        needed(&["createdat"]),
        optional(&["messagetype", "type"]),
        optional(&["deletedat"]),
    ],
    is_needed: true,
};

/// Where the columns of [`MESSAGES`] stand that its rows are put in order by, or counted.
pub(super) const MESSAGE_ID: usize = 0;
pub(super) const MESSAGE_ROOM: usize = 1;
pub(super) const MESSAGE_USER: usize = 2;
pub(super) const MESSAGE_CONTENT: usize = 3;
pub(super) const MESSAGE_TIME: usize = 4;

impl OldMessage {
    pub fn read(mut row: Row) -> Self {
        Self {
            id: row.id(),
            room: row.id(),
            user: row.id(),
            content: row.text(),
            created_at: row.time(),
            message_type: row.text(),
            deleted_at: row.time(),
        }
    }
}

/// How many messages a room has, and since when.
#[derive(Debug)]
pub(super) struct OldCount {
    pub room: Option<OldId>,
    pub messages: Option<i64>,
    pub first: OldTime,
}

impl OldCount {
    pub fn read(mut row: Row) -> Self {
        Self {
            room: row.id(),
            messages: row.number(),
            first: row.time(),
        }
    }
}

/// Whoever has written messages.
#[derive(Debug)]
pub(super) struct OldAuthor {
    pub user: Option<OldId>,
}

impl OldAuthor {
    pub fn read(mut row: Row) -> Self {
        Self { user: row.id() }
    }
}
