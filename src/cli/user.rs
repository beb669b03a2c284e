//! `chatd user`: accounts, whether or not the server runs.

use super::door::{Door, unexpected};
use super::password::{Chosen, Source};
use super::table::{lines_of_json, table};
use super::{Failure, Places, block_on, print, say};
use crate::config::Config;
use crate::model::{EmailAddress, Invalid, Username};
use crate::server::control::{Account, Answer, Request, Role};
use clap::builder::PossibleValue;
use clap::{Args, Subcommand, ValueEnum};
use std::io::Write;

const EXAMPLES: &str = "\
Examples:
  chatd user add ada --email ada@example.org --admin
  chatd user list --data-dir /srv/chat
  chatd user disable ada

NAME is a username or an e-mail address. While a server runs on the data folder the commands go \
through it and hold at once; otherwise they change the folder themselves. Run them as the same \
user of the machine as the server.";

const ADD_EXAMPLES: &str = "\
Examples:
  chatd user add ada --email ada@example.org --admin      password typed
  chatd user add bob --email bob@example.org --generate   password made up
  pass bob | chatd user add bob --email bob@example.org --password-stdin

The data folder is made if it is not there, so that the first account can be made before the \
server's first start.";

const LIST_EXAMPLES: &str = "\
Examples:
  chatd user list
  chatd user list --json | jq -r '.[] | select(.disabled) | .email'

With --json it is one array of {id, username, displayName, email, role, disabled, createdAt}.";

const PASSWD_EXAMPLES: &str = "\
Examples:
  chatd user passwd ada                  asks for the new password
  chatd user passwd ada --generate       makes one up and prints it
  pass ada | chatd user passwd ada@example.org --password-stdin";

const ROLE_EXAMPLES: &str = "\
Examples:
  chatd user role ada admin
  chatd user role ada user";

const DISABLE_EXAMPLES: &str = "\
Examples:
  chatd user disable ada
  chatd user disable ada@example.org

What the account has written stays. \"chatd user enable\" lets it sign in again.";

const ENABLE_EXAMPLES: &str = "\
Examples:
  chatd user enable ada";

/// Make and change accounts, whether or not the server runs
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct User {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make an account
    #[command(after_help = ADD_EXAMPLES)]
    Add {
        /// The name to sign in with: 3 to 30 letters, digits, '_', '.' and '-'
        #[arg(value_name = "USERNAME", value_parser = username)]
        name: Username,
        /// The e-mail address
        #[arg(long, value_name = "ADDRESS", value_parser = email)]
        email: EmailAddress,
        /// Make it an admin of the server, who may remove any message, member or room
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        password: Source,
    },
    /// Show all accounts
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Set a password, and sign its owner out everywhere
    #[command(after_help = PASSWD_EXAMPLES)]
    Passwd {
        /// The username or e-mail address
        name: String,
        #[command(flatten)]
        password: Source,
    },
    /// Make somebody an admin of the server, or a user like others
    #[command(after_help = ROLE_EXAMPLES)]
    Role {
        /// The username or e-mail address
        name: String,
        /// What they are from now on
        role: Role,
    },
    /// Let nobody sign in with an account, and sign its owner out everywhere
    #[command(after_help = DISABLE_EXAMPLES)]
    Disable {
        /// The username or e-mail address
        name: String,
    },
    /// Let the owner of a disabled account sign in again
    #[command(after_help = ENABLE_EXAMPLES)]
    Enable {
        /// The username or e-mail address
        name: String,
    },
}

impl ValueEnum for Role {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Admin, Self::User]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Admin => {
                PossibleValue::new("admin").help("May remove any message, member or room")
            }
            Self::User => PossibleValue::new("user").help("Like everybody else"),
        })
    }
}

fn username(text: &str) -> Result<Username, String> {
    Username::new(text).map_err(|invalid| why(&invalid))
}

fn email(text: &str) -> Result<EmailAddress, String> {
    EmailAddress::new(text).map_err(|invalid| why(&invalid))
}

fn why(invalid: &Invalid) -> String {
    format!("it {}", invalid.why)
}

impl User {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        self.command.run(places.load_quietly()?)
    }
}

impl UserCommand {
    fn run(self, config: Config) -> Result<(), Failure> {
        let creates = matches!(self, Self::Add { .. });
        let least = usize::from(config.accounts.min_password);
        let door = Door::new(config, creates)?;
        match self {
            Self::List { json } => {
                let accounts = block_on(all(door))?;
                print(&if json {
                    lines_of_json(&accounts)?
                } else {
                    as_table(&accounts)
                })
            }
            Self::Add {
                name,
                email,
                admin,
                password,
            } => {
                let chosen = password.read(least)?;
                let request = Request::AddUser {
                    username: name.to_string(),
                    email: email.to_string(),
                    password: chosen.secret.clone(),
                    role: if admin { Role::Admin } else { Role::User },
                };
                let account = block_on(change(door, request))?;
                say(&format!("The account {:?} was made.", account.username));
                tell(&chosen)
            }
            Self::Passwd { name, password } => {
                let chosen = password.read(least)?;
                let request = Request::SetPassword {
                    name,
                    password: chosen.secret.clone(),
                };
                let account = block_on(change(door, request))?;
                say(&format!(
                    "{:?} has a new password and was signed out everywhere.",
                    account.username
                ));
                tell(&chosen)
            }
            Self::Role { name, role } => {
                let request = Request::SetRole { name, role };
                let (account, has_admin) = block_on(change_admin(door, request))?;
                say(&match account.role {
                    Role::Admin => format!("{:?} is now an admin of the server.", account.username),
                    Role::User => format!("{:?} is now a user like others.", account.username),
                });
                warn_of_no_admin(has_admin);
                Ok(())
            }
            Self::Disable { name } => {
                let disabled = true;
                let request = Request::SetDisabled { name, disabled };
                let (account, has_admin) = block_on(change_admin(door, request))?;
                say(&format!(
                    "{:?} is disabled and was signed out everywhere; \"chatd user enable {}\" undoes it.",
                    account.username, account.username
                ));
                warn_of_no_admin(has_admin || account.role == Role::User);
                Ok(())
            }
            Self::Enable { name } => {
                let disabled = false;
                let request = Request::SetDisabled { name, disabled };
                let (account, _) = block_on(change_admin(door, request))?;
                say(&format!("{:?} may sign in again.", account.username));
                Ok(())
            }
        }
    }
}

/// Performs a request about one account.
async fn change(mut door: Door, request: Request) -> Result<Account, Failure> {
    let answer = door.ask(&request).await;
    door.close().await;
    match answer? {
        Answer::User(account) => Ok(account),
        _ => Err(unexpected()),
    }
}

/// Performs a request that may leave the server without an admin who can sign in, and says whether there is one.
async fn change_admin(mut door: Door, request: Request) -> Result<(Account, bool), Failure> {
    let answer = door.ask(&request).await;
    door.close().await;
    match answer? {
        Answer::Changed { user, has_admin } => Ok((user, has_admin)),
        _ => Err(unexpected()),
    }
}

fn warn_of_no_admin(has_admin: bool) {
    if !has_admin {
        say(
            "Nobody is an admin of the server now; \"chatd user role NAME admin\" makes somebody one.",
        );
    }
}

/// All accounts, in the order of the alphabet.
async fn all(mut door: Door) -> Result<Vec<Account>, Failure> {
    let accounts = pages(&mut door).await;
    door.close().await;
    let mut accounts = accounts?;
    // The pages come in the order of what look-alikes share, where 0 is next to o.
    accounts.sort_by_cached_key(|account| account.username.to_lowercase());
    Ok(accounts)
}

async fn pages(door: &mut Door) -> Result<Vec<Account>, Failure> {
    let mut accounts = Vec::new();
    let mut cursor = None;
    loop {
        let Answer::Users { users, next_cursor } = door.ask(&Request::ListUsers { cursor }).await?
        else {
            return Err(unexpected());
        };
        accounts.extend(users);
        if next_cursor.is_none() {
            return Ok(accounts);
        }
        cursor = next_cursor;
    }
}

fn as_table(accounts: &[Account]) -> String {
    if accounts.is_empty() {
        say("There are no accounts yet; \"chatd user add\" makes one.");
        return String::new();
    }
    let head = ["USERNAME", "E-MAIL", "ROLE", "STATE", "CREATED"].map(str::to_owned);
    let rows = accounts.iter().map(|account| {
        let state = if account.disabled {
            "disabled"
        } else {
            "active"
        };
        [
            account.username.clone(),
            account.email.clone(),
            account.role.to_string(),
            state.to_owned(),
            account.created_at.clone(),
        ]
    });
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// Prints the password if it was made up: nobody knows it yet.
fn tell(chosen: &Chosen) -> Result<(), Failure> {
    let Some(words) = chosen.made_up else {
        return Ok(());
    };
    say(words);
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", chosen.secret.0)
        .and_then(|()| stdout.flush())
        .map_err(|error| {
            Failure::failed(format!(
                "the password could not be printed: {error}; set another with \"chatd user passwd\""
            ))
        })
}
