//! Services that are asked by HTTP: SCIM, and a directory in JSON.

use super::super::{Counterpart, Person};
use super::{BREAK, request};
use crate::support::json_directory::{API_KEY, JsonDirectory};
use crate::support::relay::Relay;
use crate::support::scim::{ScimServer, TOKEN};
use muster::connectors::ConnectionRequest;
use serde_json::{Value, json};

/// The kind `scim`: scim2-server.
pub struct ScimService(ScimServer);

impl ScimService {
    pub fn start(people: &[Person]) -> Box<dyn Counterpart> {
        let service = ScimServer::start(json!({}));
        let user = |one: &Person| {
            let mut user = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": one.id, "displayName": one.name,
            });
            if !one.note.is_empty() {
                user["title"] = one.note.as_str().into();
            }
            user
        };
        service.create_all("Users", &people.iter().map(user).collect::<Vec<_>>());
        Box::new(Self(service))
    }

    fn at(&self, url: &str) -> ConnectionRequest {
        let columns = "resource = \"Users\"\nattributes = [\"userName\", \"displayName\", \"title\"]";
        request(
            &format!(
                "name = \"source\"\nkind = \"scim\"\nurl = {url:?}\n\
                 [[table]]\nname = \"people\"\n{columns}\n\
                 [[table]]\nname = \"nobody\"\n{columns}\nfilter = 'userName eq \"nobody at all\"'\n"
            ),
            Some(("token", TOKEN)),
        )
    }
}

impl Counterpart for ScimService {
    fn kind(&self) -> &'static str {
        "scim"
    }

    fn columns(&self) -> [&'static str; 3] {
        ["userName", "displayName", "title"]
    }

    fn request(&self) -> ConnectionRequest {
        self.at(&self.0.url())
    }

    fn breaking_off(&self) -> ConnectionRequest {
        self.at(&by_relay(&self.0.url()))
    }

    fn elsewhere(&self) -> ConnectionRequest {
        self.at("http://127.0.0.1:1/v2")
    }
}

/// The kind `rest`: a directory in JSON.
pub struct JsonService(JsonDirectory);

impl JsonService {
    pub fn start(people: &[Person]) -> Box<dyn Counterpart> {
        let one = |one: &Person| json!({ "guid": one.id, "name": one.name, "note": one.note, "changed": "2026-11-29T00:00:00Z" });
        Box::new(Self(JsonDirectory::start(people.iter().map(one).collect::<Vec<Value>>())))
    }

    fn at(&self, url: &str) -> ConnectionRequest {
        let columns = "key = \"guid\"\ncolumns = [\"guid\", \"name\", \"note\"]";
        request(
            &format!(
                "name = \"source\"\nkind = \"rest\"\nurl = {url:?}\napi_key_header = \"X-Directory-Key\"\n\
                 [[table]]\nname = \"people\"\npath = \"/offset\"\npaging = \"offset\"\nsize_parameter = \"limit\"\n\
                 {columns}\n\
                 [[table]]\nname = \"nobody\"\npath = \"/all?since=3000\"\n{columns}\n"
            ),
            Some(("api_key", API_KEY)),
        )
    }
}

impl Counterpart for JsonService {
    fn kind(&self) -> &'static str {
        "rest"
    }

    fn columns(&self) -> [&'static str; 3] {
        ["guid", "name", "note"]
    }

    fn request(&self) -> ConnectionRequest {
        self.at(&self.0.url())
    }

    fn breaking_off(&self) -> ConnectionRequest {
        self.at(&by_relay(&self.0.url()))
    }

    fn elsewhere(&self) -> ConnectionRequest {
        self.at("http://127.0.0.1:1/api")
    }
}

/// The same service, by a way that breaks within the first page of people.
fn by_relay(url: &str) -> String {
    let mut url: url::Url = url.parse().unwrap();
    let relay = Relay::breaking_after(BREAK, url.port().unwrap());
    url.set_port(Some(relay.port)).unwrap();
    url.into()
}
