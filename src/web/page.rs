//! The layout that all pages share, and how a page becomes an answer.

use super::WebContext;
use super::assets::{Assets, assets};
use super::error::WebError;
use super::links;
use super::moment::LookBack;
use super::visitor::{Theme, Visit, Visitor};
use crate::model::account::Role;
use crate::model::resource::{self, MenuEntry};
use crate::model::session::{self, Flash, FlashKind};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use std::sync::Arc;

/// Which entry of the menu a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Home.
    Home,
    /// Connectors.
    Connectors,
    /// Job execution.
    Runs,
    /// Resources, of the entity type with this id.
    Resources(i32),
    /// Users.
    Users,
    /// Groups.
    Groups,
    /// Batch files.
    Feeds,
    /// Notifications.
    Deliveries,
    /// Profile fields.
    ProfileFields,
    /// API tokens.
    Tokens,
    /// The audit log.
    Audit,
    /// Settings.
    Settings,
    /// Whoever is signed in.
    Sessions,
    /// The own profile.
    MyProfile,
    /// The own account.
    MyAccount,
    /// None of them.
    None,
}

/// What stands around the content of a page.
pub struct Layout {
    /// Of the tab, and the page's heading.
    pub title: String,
    /// The menu's entry.
    pub section: Section,
    /// The way up: address and words.
    pub crumbs: Vec<(String, String)>,
    /// Light, dark, or as the system has it.
    pub theme: Theme,
    /// Who is signed in.
    pub account: Option<(String, Role)>,
    /// Whether there is a user whose account it is.
    pub has_profile: bool,
    /// The token that every form carries.
    pub csrf: String,
    /// What the last action left to say.
    pub flash: Vec<Flash>,
    /// Entity types by connector.
    pub menu: Vec<MenuGroup>,
    /// Blocked runs that wait for a decision.
    pub waiting: i64,
    /// The way to how the page was, where it knows that.
    pub look_back: Option<LookBack>,
    /// This page's own address.
    pub address: String,
    /// Without the script, the page loads itself anew after so many seconds.
    pub refresh: Option<u32>,
    /// Style and script.
    pub assets: &'static Assets,
    /// When the page was made.
    pub now: DateTime<Utc>,
}

/// The entity types of one connector.
pub struct MenuGroup {
    /// The connector's title.
    pub title: String,
    /// Its entity types.
    pub entries: Vec<MenuEntry>,
}

impl MenuEntry {
    /// Its page.
    pub fn link(&self) -> String {
        links::resources(&self.connector, &self.name)
    }
}

impl Layout {
    /// The layout of a visitor's page. Flash messages are taken out: they are shown once.
    pub fn load(conn: &mut PgConnection, visitor: &Visitor, now: DateTime<Utc>) -> Result<Self, WebError> {
        let mut layout = Self::bare(&visitor.visit, now);
        if !visitor.session.flash.is_empty() {
            session::leave_flash(conn, &visitor.session.digest, &[])?;
            layout.flash = visitor.session.flash.clone();
        }
        layout.fill(conn, visitor)?;
        Ok(layout)
    }

    /// The layout of a page that anybody may see: no menu.
    pub fn bare(visit: &Visit, now: DateTime<Utc>) -> Self {
        Self {
            title: String::new(),
            section: Section::None,
            crumbs: Vec::new(),
            theme: visit.theme,
            account: None,
            has_profile: false,
            csrf: String::new(),
            flash: Vec::new(),
            menu: Vec::new(),
            waiting: 0,
            look_back: None,
            address: visit.address.clone(),
            refresh: None,
            assets: assets(),
            now,
        }
    }

    fn fill(&mut self, conn: &mut PgConnection, visitor: &Visitor) -> Result<(), WebError> {
        self.account = Some((visitor.account().name.clone(), visitor.account().role));
        self.csrf.clone_from(&visitor.session.csrf);
        self.has_profile = visitor.account().person_id.is_some();
        // What there is here is not for persons to know.
        if !self.may_view() {
            return Ok(());
        }
        let menu = resource::menu(conn)?;
        self.waiting = menu.waiting;
        for entry in menu.entries {
            match self.menu.last_mut() {
                Some(group) if group.title == entry.connector_title => group.entries.push(entry),
                _ => self.menu.push(MenuGroup { title: entry.connector_title.clone(), entries: vec![entry] }),
            }
        }
        Ok(())
    }

    /// With its heading and place in the menu.
    pub fn titled(mut self, section: Section, title: impl Into<String>) -> Self {
        self.section = section;
        self.title = title.into();
        self
    }

    /// With one more step of the way up.
    pub fn under(mut self, address: impl Into<String>, words: impl Into<String>) -> Self {
        self.crumbs.push((address.into(), words.into()));
        self
    }

    /// Whether the account may do what `role` may.
    fn may(&self, role: Role) -> bool {
        self.account.as_ref().is_some_and(|(_, own)| *own >= role)
    }

    /// Whether to offer what viewers may see.
    pub fn may_view(&self) -> bool {
        self.may(Role::Viewer)
    }

    /// Whether to offer what operators may do.
    pub fn may_operate(&self) -> bool {
        self.may(Role::Operator)
    }

    /// Whether to offer what administrators may do.
    pub fn may_administer(&self) -> bool {
        self.may(Role::Administrator)
    }

    /// Whether the page belongs to the menu's entry of that address.
    pub fn is_in(&self, address: &str) -> bool {
        let own = match self.section {
            Section::Home => links::HOME,
            Section::Connectors => links::CONNECTORS,
            Section::Runs => links::RUNS,
            Section::Users => links::USERS,
            Section::Groups => links::GROUPS,
            Section::Feeds => links::FEEDS,
            Section::Deliveries => links::DELIVERIES,
            Section::ProfileFields => links::PROFILE_FIELDS,
            Section::Tokens => links::TOKENS,
            Section::Audit => links::AUDIT,
            Section::Settings => links::ACCOUNTS,
            Section::Sessions => links::SESSIONS,
            Section::MyProfile => links::ME,
            Section::MyAccount => links::MY_ACCOUNT,
            Section::Resources(_) | Section::None => return false,
        };
        own == address
    }

    /// Whether an entity type of the menu is the one the page belongs to.
    pub fn is_in_resources(&self, entity_type: &i32) -> bool {
        self.section == Section::Resources(*entity_type)
    }

    /// What stands in the circle beside the account's name.
    pub fn initial(&self) -> String {
        let name = self.account.as_ref().map(|(name, _)| name.as_str()).unwrap_or_default();
        name.chars().next().map(|first| first.to_uppercase().to_string()).unwrap_or_default()
    }

    /// Whether a flash message says that something was refused.
    pub fn is_refused(&self, flash: &Flash) -> bool {
        flash.kind == FlashKind::Refused
    }
}

/// A page as an answer.
pub fn html(page: &impl Template) -> Result<HttpResponse, WebError> {
    html_with(StatusCode::OK, page)
}

/// A page as an answer with a status of its own.
pub fn html_with(status: StatusCode, page: &impl Template) -> Result<HttpResponse, WebError> {
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(page.render()?))
}

impl WebContext {
    /// A page for a visitor: layout, queries and rendering on one blocking thread and one connection.
    pub async fn page<P, F>(&self, visitor: Visitor, build: F) -> Result<HttpResponse, WebError>
    where
        P: Template,
        F: FnOnce(&mut PgConnection, Layout) -> Result<P, WebError> + Send + 'static,
    {
        let html = self
            .db(move |conn| {
                let layout = Layout::load(conn, &visitor, Utc::now())?;
                Ok(build(conn, layout)?.render()?)
            })
            .await?;
        Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html))
    }
}

/// The page of an error: what happened, and a way back.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    layout: Layout,
    status: u16,
    message: String,
    way: Option<(String, String)>,
}

/// What an error page says.
pub struct ErrorWords {
    status: StatusCode,
    message: String,
    way: Option<(String, String)>,
}

impl ErrorPage {
    /// Status, message, and a better address with its words, before there is a layout for them.
    pub fn words(status: StatusCode, message: String, way: Option<(String, String)>) -> ErrorWords {
        ErrorWords { status, message, way }
    }
}

/// The page of an error as HTML, with navigation as far as the database answers.
pub async fn error(context: &WebContext, visit: Arc<Visit>, words: ErrorWords) -> String {
    let now = Utc::now();
    let bare = Layout::bare(&visit, now);
    let layout = match visit.session.clone() {
        None => bare,
        Some(session) => {
            let visitor = Visitor { session, visit };
            context.db(move |conn| Layout::load(conn, &visitor, now)).await.unwrap_or(bare)
        }
    };
    let title = match words.status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::CONFLICT => "Not possible now",
        StatusCode::SERVICE_UNAVAILABLE => "Not available",
        status if status.is_server_error() => "Something went wrong",
        _ => "Not understood",
    };
    let page = ErrorPage {
        layout: layout.titled(Section::None, title),
        status: words.status.as_u16(),
        message: words.message,
        way: words.way,
    };
    page.render().unwrap_or_else(|_| format!("{title}. Go back and try again; it leads to {}", links::HOME))
}
