//! A room as a page that a person can read and print: no script, nothing from elsewhere, and all that
//! people wrote escaped. Addresses in messages are links, which nothing follows by itself.

use super::text::{Linked, Text};
use super::{Database, FillError, Source, counted, made_by};
use crate::model::{
    Entry, ExportEnd, MemberEntry, MessageEntry, MessageId, RoomEntry, SYSTEM_MESSAGE, Time, UserId,
};
use std::collections::HashMap;
use std::io::{self, Write};
use time::OffsetDateTime;
use time::macros::format_description;

const STYLE: &str = include_str!("page.css");
/// Of a message that is answered so many characters are shown.
const QUOTED_CHARS: usize = 140;
/// The type that needs no word.
const TEXT: &str = "text";

/// Writes a page of the room that the source holds.
pub(super) fn write(source: &mut Source, to: &mut impl Write) -> Result<ExportEnd, FillError> {
    let (made_at, messages) = (source.made_at, source.messages);
    let mut page = Page {
        people: HashMap::new(),
        room: None,
        members: Vec::new(),
        day: None,
        has_head: false,
        facts: (made_at, messages),
    };
    let end = source.tell(|copy, entry| page.take(copy, entry, to))?;
    page.end(to)?;
    Ok(end)
}

struct Page {
    people: HashMap<UserId, Name>,
    room: Option<RoomEntry>,
    members: Vec<MemberEntry>,
    /// The day of the last message.
    day: Option<String>,
    has_head: bool,
    /// When the page was made, and of how many messages.
    facts: (Time, u64),
}

/// What somebody is called.
struct Name {
    username: String,
    shown: String,
}

impl Page {
    fn take(&mut self, copy: &Database, entry: Entry, to: &mut impl Write) -> io::Result<()> {
        match entry {
            Entry::User(user) => {
                let name = Name {
                    username: user.username,
                    shown: user.display_name,
                };
                self.people.insert(user.id, name);
            }
            Entry::Room(room) => self.room = Some(room),
            Entry::Member(member) => self.members.push(member),
            Entry::Message(message) => {
                self.head(to)?;
                self.message(copy, &message, to)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn shown(&self, id: UserId) -> Text<'_> {
        Text(self.people.get(&id).map_or("", |name| &name.shown))
    }

    fn username(&self, id: UserId) -> Text<'_> {
        Text(self.people.get(&id).map_or("", |name| &name.username))
    }

    /// Everything above the messages, once.
    fn head(&mut self, to: &mut impl Write) -> io::Result<()> {
        let Some(room) = self.room.as_ref().filter(|_| !self.has_head) else {
            return Ok(());
        };
        let (made_at, messages) = self.facts;
        let name = Text(&room.name);
        write!(
            to,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1 dir=\"auto\">{name}</h1>\n"
        )?;
        if let Some(description) = &room.description {
            writeln!(
                to,
                "<p class=\"about\" dir=\"auto\">{}</p>",
                Text(description)
            )?;
        }
        let kind = if room.is_private { "private" } else { "public" };
        writeln!(
            to,
            "<p class=\"facts\">A {kind} room, made by <bdi>{}</bdi> on {}. {}. \
             Exported on {} at {} by {}. All times are UTC.</p>\n\
             <details>\n<summary>Members: {}</summary>\n<ul>",
            self.shown(room.created_by),
            day(room.created_at),
            counted(messages, "message"),
            day(made_at),
            hour(made_at),
            made_by(),
            self.members.len()
        )?;
        for member in &self.members {
            let admin = if member.is_admin { ", admin" } else { "" };
            writeln!(
                to,
                "<li><bdi>{}</bdi> @<bdi>{}</bdi>{admin}</li>",
                self.shown(member.user_id),
                self.username(member.user_id)
            )?;
        }
        writeln!(to, "</ul>\n</details>\n</header>\n<main>")?;
        self.has_head = true;
        Ok(())
    }

    fn message(
        &mut self,
        copy: &Database,
        message: &MessageEntry,
        to: &mut impl Write,
    ) -> io::Result<()> {
        let today = day(message.created_at);
        if self.day.as_ref() != Some(&today) {
            writeln!(to, "<h2>{today}</h2>")?;
            self.day = Some(today);
        }
        let (seq, author) = (message.seq, message.user_id);
        let is_system = message.message_type == SYSTEM_MESSAGE;
        write!(
            to,
            "<article id=\"m{seq}\">\n<p class=\"by\"><strong><bdi>{}</bdi></strong> <span>@<bdi>{}</bdi></span> \
             <time datetime=\"{}\">{}</time>",
            self.shown(author),
            self.username(author),
            message.created_at,
            hour(message.created_at)
        )?;
        if is_system || message.message_type != TEXT {
            write!(
                to,
                " <span class=\"kind\">{}</span>",
                Text(&message.message_type)
            )?;
        }
        if let Some(at) = message.edited_at.filter(|_| message.deleted_at.is_none()) {
            let (on, at) = (day(at), hour(at));
            write!(to, " <span title=\"{on}, {at}\">edited</span>")?;
        }
        writeln!(to, " <a href=\"#m{seq}\">#{seq}</a></p>")?;
        if let Some(answered) = message.reply_to {
            self.quote(copy, answered, to)?;
        }
        if let Some(at) = message.deleted_at {
            let (on, at) = (day(at), hour(at));
            writeln!(
                to,
                "<p class=\"gone\">This message was deleted on {on} at {at}.</p>"
            )?;
        } else {
            let class = if is_system { "text system" } else { "text" };
            let content = Linked(&message.content);
            writeln!(to, "<p class=\"{class}\" dir=\"auto\">{content}</p>")?;
        }
        writeln!(to, "</article>")
    }

    /// What a message answers.
    fn quote(&self, copy: &Database, answered: MessageId, to: &mut impl Write) -> io::Result<()> {
        let answered = copy.message(answered).map_err(io::Error::other)?;
        let Some(answered) = answered else {
            return writeln!(
                to,
                "<blockquote>an answer to a message that is not here</blockquote>"
            );
        };
        let (seq, author) = (answered.seq, self.shown(answered.user_id));
        write!(
            to,
            "<blockquote><a href=\"#m{seq}\">#{seq}</a> <bdi>{author}</bdi>: "
        )?;
        if answered.deleted_at.is_some() {
            write!(to, "(deleted)")?;
        } else {
            let mut start: String = answered.content.chars().take(QUOTED_CHARS).collect();
            if start.len() < answered.content.len() {
                start.push('…');
            }
            write!(to, "<bdi>{}</bdi>", Text(&start))?;
        }
        writeln!(to, "</blockquote>")
    }

    fn end(mut self, to: &mut impl Write) -> io::Result<()> {
        let is_empty = !self.has_head;
        self.head(to)?;
        if is_empty {
            writeln!(
                to,
                "<p class=\"gone\">Nobody has written anything here.</p>"
            )?;
        }
        let footer = "<footer>This is the end of the room as it was exported.</footer>";
        writeln!(to, "</main>\n{footer}\n</body>\n</html>")
    }
}

/// The day of a moment: `Friday, 2 January 2026`.
fn day(at: Time) -> String {
    let form = format_description!("[weekday], [day padding:none] [month repr:long] [year]");
    moment(at).format(form).unwrap_or_else(|_| at.to_string())
}

/// The time of day of a moment: `03:04`.
fn hour(at: Time) -> String {
    let form = format_description!("[hour]:[minute]");
    moment(at).format(form).unwrap_or_else(|_| at.to_string())
}

fn moment(at: Time) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
