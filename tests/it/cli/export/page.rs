//! `chatd export --format html`: a page that a person can read.

use super::super::place;
use super::{ATTIC, MANY, TEA, VOID, odd};

#[test]
fn a_page_shows_every_message_and_runs_nothing_of_what_people_wrote() {
    let place = place();
    odd(&place);
    let args = format!("export --room {TEA} --format html --output tea.html");
    place.run(&args).ended(
        0,
        &["Wrote \"tea.html\"", "3 accounts, 1 room, 5,000 messages"],
    );
    let page = std::fs::read_to_string(place.root.path().join("tea.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert_eq!(i64::try_from(page.matches("<article ").count()), Ok(MANY));
    for seq in 9..=MANY {
        assert!(
            page.contains(&format!(">number {seq} of many</p>")),
            "{seq}"
        );
    }
    for words in [
        "<h1 dir=\"auto\">Tea &amp; &lt;b&gt;biscuits&lt;/b&gt;</h1>",
        "One line\nand another",
        "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot; &#39;so&#39;</p>",
        "This message was deleted on Sunday, 13 September 2020 at 12:30.",
        ">edited</span>",
        "<a href=\"#m2\">#2</a> <bdi>Zoë «Z» Ω 🫖</bdi>: <bdi>&lt;script&gt;",
        "<a href=\"#m4\">#4</a> <bdi>Zoë «Z» Ω 🫖</bdi>: (deleted)",
        "<span class=\"kind\">system</span>",
        "<span class=\"kind\">x-9_z</span>",
        "two\nlines, a\ttab, a\u{fffd}bell, ",
        "👩‍🔬 \\u0041 שלום",
        "<h2>Sunday, 13 September 2020</h2>",
        "<summary>Members: 3</summary>",
        "on Sunday, 13 September 2020. 5,000 messages. Exported on ",
        "prefers-color-scheme: dark",
        "<li><bdi>bob</bdi> @<bdi>bob</bdi></li>",
        "<li><bdi>eve</bdi> @<bdi>eve</bdi>, admin</li>",
    ] {
        assert!(page.contains(words), "{words}");
    }
    for words in [
        "<script",
        "http:",
        "https:",
        "example.org",
        "$argon2",
        "url(",
        "@import",
        "src=",
    ] {
        assert!(!page.contains(words), "{words}");
    }
    assert_eq!(page.matches('\u{7}').count(), 0);
    // Whatever is opened is closed.
    for tag in [
        "article",
        "p",
        "bdi",
        "span",
        "blockquote",
        "a",
        "li",
        "h2",
        "strong",
        "time",
    ] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn rooms_with_little_in_them_are_pages_as_well() {
    let place = place();
    odd(&place);
    let void = place.run(&format!("export --room {VOID} --format html"));
    void.ended(0, &["1 account, 1 room, 0 messages"]);
    assert!(void.stdout.contains("Nobody has written anything here."));
    assert!(void.stdout.contains(">空</h1>"), "{}", void.stdout);
    let attic = place.run(&format!("export --room {ATTIC} --format html"));
    attic.ended(0, &["2 messages"]);
    assert!(
        attic
            .stdout
            .contains("A private room, made by <bdi>bob</bdi> on Sunday, 13 September 2020.")
    );
    assert!(!attic.stdout.contains("NGMkhzV2"));
}

#[test]
fn addresses_in_messages_are_links_and_nothing_else_becomes_one() {
    let place = place();
    odd(&place);
    let said = [
        (
            "see https://example.org/a?b=1&c=2#d.",
            Some("https://example.org/a?b=1&amp;c=2#d"),
        ),
        (
            "(http://example.org/wiki/Tea_(drink))",
            Some("http://example.org/wiki/Tea_(drink)"),
        ),
        (
            "https://例え.example/ü, or not",
            Some("https://例え.example/ü"),
        ),
        (
            "https://example.org/\"onmouseover=\"alert(1)",
            Some("https://example.org/"),
        ),
        (
            "https://example.org/'onclick='alert(1)",
            Some("https://example.org/&#39;onclick=&#39;alert(1)"),
        ),
        (
            "https://example.org/<script>alert(1)</script>",
            Some("https://example.org/"),
        ),
        (
            "https://example.org/\u{202e}gpj.exe",
            Some("https://example.org/"),
        ),
        ("https://example.org/\u{7}x", Some("https://example.org/")),
        ("javascript:alert(1)", None),
        ("data:text/html,<script>alert(1)</script>", None),
        ("https://", None),
        (
            "http:// example.org, https://\"x, https://), xhttps://example.org",
            None,
        ),
    ];
    let database = rusqlite::Connection::open(place.data.join("chatd.db")).unwrap();
    for (seq, (content, _)) in (10..).zip(said) {
        let say = "UPDATE messages SET content = ?1 WHERE seq = ?2";
        database.execute(say, (content, seq)).unwrap();
    }
    database.close().unwrap();
    let page = place.run(&format!("export --room {TEA} --format html"));
    page.ended(0, &["Wrote"]);
    for (seq, (content, link)) in (10..).zip(said) {
        let (_, from) = page
            .stdout
            .split_once(&format!("<article id=\"m{seq}\">"))
            .unwrap();
        let (article, _) = from.split_once("</article>").unwrap();
        let (_, text) = article.split_once("<p class=\"text\"").unwrap();
        let links = text.matches("<a ").count();
        assert_eq!(links, usize::from(link.is_some()), "{content}: {text}");
        if let Some(link) = link {
            let whole =
                format!("<a href=\"{link}\" rel=\"noopener noreferrer nofollow\">{link}</a>");
            assert!(text.contains(&whole), "{content}: {text}");
        }
        assert!(
            !text.contains("<script") && !text.contains("\"onmouse"),
            "{text}"
        );
    }
}
