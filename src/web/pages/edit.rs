//! A connector's configuration as the document that it is: edited, checked, saved as a draft; the draft reloaded or
//! thrown away.

use super::connector::find;
use crate::document::{self, Document, DocumentErrors};
use crate::model::configuration::{self, Configuration};
use crate::model::connector::{Connector, ConnectorDefinition};
use crate::model::session::{self, Flash};
use crate::web::editor::{self, DiffLine, Finding};
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::{Lead, Visitor};
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use diesel::pg::PgConnection;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/edit.html")]
struct EditPage {
    layout: Layout,
    name: String,
    version: i32,
    text: String,
    /// The digest of the stored text that the form began with.
    seen: String,
    draft: Option<DraftView>,
    findings: Vec<Finding>,
    verdict: Option<Verdict>,
    mappings: Vec<(String, String)>,
}

/// What became of what was sent, above the text.
enum Verdict {
    /// Nothing is wrong with it.
    Fine,
    /// Somebody has stored another text meanwhile.
    Moved(String),
}

/// The draft that waits.
struct DraftView {
    digest: String,
    saved: Option<When>,
    by: String,
    difference: Vec<DiffLine>,
}

/// The text, and what to do with it.
#[derive(Deserialize)]
pub struct EditForm {
    document: String,
    seen: String,
    act: String,
}

/// The draft that somebody has looked at.
#[derive(Deserialize)]
pub struct DraftForm {
    seen: String,
}

/// The page, with the draft where one waits.
pub async fn show(context: Data<WebContext>, visitor: Visitor, name: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let stored = Stored::load(conn, &name)?;
            let text = stored.newest().to_owned();
            Ok(stored.page(layout, text, Vec::new(), None))
        })
        .await
}

/// Checks the text, and saves it as a draft if nothing is wrong with it.
pub async fn save(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    form: Form<EditForm>,
) -> Result<HttpResponse, WebError> {
    let name = name.into_inner();
    let by = visitor.account().name.clone();
    let session = visitor.session.digest.clone();
    let saved = context
        .db(move |conn| {
            let stored = Stored::load(conn, &name)?;
            let text = editor::plain(&form.document);
            let checked = check(conn, &stored.connector, &text)?;
            let (text, findings) = match checked {
                Err(errors) => (text.clone(), editor::findings(&text, errors)),
                Ok((text, _)) => (text, Vec::new()),
            };
            if !findings.is_empty() {
                return Ok(Saved::Shown(name.clone(), text, findings, None));
            }
            if form.act == "check" {
                return Ok(Saved::Shown(name.clone(), text, findings, Some(Verdict::Fine)));
            }
            if form.seen != editor::digest(stored.newest()) {
                let verdict = Some(Verdict::Moved(stored.words()));
                return Ok(Saved::Shown(name.clone(), text, findings, verdict));
            }
            configuration::save_draft(conn, &stored.connector, &text, &by)?;
            let version = stored.current.version;
            let flash = match text == stored.current.document {
                true => Flash::done(format!("This is version {version}, which runs use: no draft waits.")),
                false => Flash::done(format!("Saved as a draft. Runs use version {version} until Reload.")),
            };
            session::leave_flash(conn, &session, &[flash])?;
            Ok(Saved::Led(links::of_connector(&name, "edit")))
        })
        .await?;
    match saved {
        Saved::Led(to) => Ok(crate::web::visitor::see_other(&to)),
        Saved::Shown(name, text, findings, verdict) => {
            context
                .page(visitor, move |conn, layout| Ok(Stored::load(conn, &name)?.page(layout, text, findings, verdict)))
                .await
        }
    }
}

enum Saved {
    Led(String),
    Shown(String, String, Vec<Finding>, Option<Verdict>),
}

/// Makes the draft the version that runs use.
pub async fn reload(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    form: Form<DraftForm>,
) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let stored = Stored::load(conn, &name)?;
            let edit = links::of_connector(&name, "edit");
            let Some(draft) = &stored.draft else {
                return visitor.lead(conn, &edit, Flash::refused("No draft waits."));
            };
            let refuse = |words: &str| Flash::refused(words.to_owned());
            if form.seen != editor::digest(draft) {
                return visitor.lead(conn, &edit, refuse("The draft was saved anew meanwhile. Look at it again."));
            }
            let (text, definition) = match check(conn, &stored.connector, draft)? {
                Ok(checked) => checked,
                Err(errors) => {
                    let words = format!("The draft can't be used as it stands: {errors}");
                    return visitor.lead(conn, &edit, Flash::refused(words));
                }
            };
            match configuration::reload(conn, &stored.connector, &text, &definition, &visitor.account().name)? {
                None => visitor.lead(conn, &edit, refuse("The draft was saved anew meanwhile. Look at it again.")),
                Some(applied) => {
                    let words = format!("Reloaded: runs use version {} from now on.", applied.version);
                    let flash: Vec<Flash> = std::iter::once(words).chain(applied.messages).map(Flash::done).collect();
                    session::leave_flash(conn, &visitor.session.digest, &flash)?;
                    Ok(Lead::to(&links::connector(&name)))
                }
            }
        })
        .await
}

/// Throws the draft away.
pub async fn discard(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    form: Form<DraftForm>,
) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let stored = Stored::load(conn, &name)?;
            let edit = links::of_connector(&name, "edit");
            let flash = match &stored.draft {
                None => Flash::refused("No draft waits."),
                Some(draft) if form.seen != editor::digest(draft) => {
                    Flash::refused("The draft was saved anew meanwhile. Look at it again.")
                }
                Some(_) => {
                    configuration::discard_draft(conn, &stored.connector, &visitor.account().name)?;
                    Flash::done(format!("The draft is thrown away. Runs use version {}.", stored.current.version))
                }
            };
            visitor.lead(conn, &edit, flash)
        })
        .await
}

/// Checks a text as the next version of this connector's document, under the settings in force; gives the text to store.
pub fn check(
    conn: &mut PgConnection,
    connector: &Connector,
    text: &str,
) -> Result<Result<(String, ConnectorDefinition), DocumentErrors>, WebError> {
    let settings = document::settings_in_force(conn)?;
    Ok(match document::parse(text, None) {
        Err(errors) => Err(errors),
        Ok(Document::Settings { .. }) => {
            Err(editor::error_at(text, "", "these are settings; this page edits a connector's document"))
        }
        Ok(Document::Connector { definition, .. }) if definition.name != connector.name => {
            let message = format!(
                "this is the document of {:?}; a connector keeps its name. Write name = {:?}, or make a new connector",
                definition.name, connector.name
            );
            Err(editor::error_at(text, "name", message))
        }
        Ok(Document::Connector { text, .. }) => {
            document::connector_under(&text, &settings).map(|definition| (text, definition))
        }
    })
}

/// What is stored of a connector's configuration.
pub struct Stored {
    /// The connector.
    pub connector: Connector,
    /// The version that runs use.
    pub current: Configuration,
    /// The draft that waits.
    pub draft: Option<String>,
}

impl Stored {
    /// Of the connector with that name.
    pub fn load(conn: &mut PgConnection, name: &str) -> Result<Self, WebError> {
        let connector = find(conn, name)?;
        let current = configuration::current(conn, &connector)?;
        let draft = configuration::draft(conn, connector.id)?;
        Ok(Self { connector, current, draft })
    }

    /// What an edit begins with: the draft, or else what runs use.
    pub fn newest(&self) -> &str {
        self.draft.as_deref().unwrap_or(&self.current.document)
    }

    fn words(&self) -> String {
        match &self.connector.draft_saved_by {
            Some(by) => format!("{by} has saved a draft meanwhile"),
            None => format!("Version {} was made meanwhile", self.current.version),
        }
    }

    fn page(self, layout: Layout, text: String, findings: Vec<Finding>, verdict: Option<Verdict>) -> EditPage {
        let seen = editor::digest(self.newest());
        let now = layout.now;
        let draft = self.draft.as_ref().map(|draft| DraftView {
            digest: editor::digest(draft),
            saved: self.connector.draft_saved_at.map(|at| When::new(at, now)),
            by: self.connector.draft_saved_by.clone().unwrap_or_default(),
            difference: editor::difference(&self.current.document, draft),
        });
        let definition = document::connector(self.newest()).ok();
        let mappings = definition.iter().flat_map(|definition| &definition.entity_types);
        let connector = self.connector.clone();
        EditPage {
            mappings: mappings
                .map(|one| (links::mapping(&connector.name, &one.name), one.title().to_owned()))
                .collect(),
            layout: layout
                .titled(Section::Connectors, format!("Edit {}", connector.display_name))
                .under(links::CONNECTORS, "Connectors")
                .under(links::connector(&connector.name), connector.display_name.clone()),
            name: connector.name,
            version: self.current.version,
            text,
            seen,
            draft,
            findings,
            verdict,
        }
    }
}
