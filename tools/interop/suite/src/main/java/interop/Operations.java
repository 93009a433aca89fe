package interop;

import static interop.Suite.equal;
import static interop.Suite.gone;
import static interop.Suite.kept;
import static interop.Suite.object;
import static interop.Suite.refused;
import static interop.Suite.truth;
import static interop.Suite.value;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import interop.Sdk.Change;
import interop.Sdk.Query;
import interop.Sdk.Read;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The operations that are tried with each library. Each checks what the library made of the answer, and those that
 * write what Keycloak itself has afterwards.
 */
public final class Operations {
  static final String USER = "urn:ietf:params:scim:schemas:core:2.0:User";
  static final String ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
  static final String GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";
  static final String PARTNER = "urn:example:partner:2.0:User"; // no schema of the tenant publishes it

  private final Suite suite;
  private final Sdk sdk;
  private final Map<String, String> faults;

  /** @param faults reasons of the operations that fail by a fault of the library */
  public Operations(Suite suite, Sdk sdk, Map<String, String> faults) {
    this.suite = suite;
    this.sdk = sdk;
    this.faults = faults;
  }

  public void run() throws Exception {
    discovery();
    create();
    read();
    search();
    pages();
    replace();
    patch();
    extensions();
    groups();
    versions();
    bulk();
    errors();
    for (String what : faults.keySet()) {
      if (!seen.contains(what)) {
        throw new IllegalStateException("there is no operation " + what);
      }
    }
  }

  private final List<String> seen = new ArrayList<>();

  private void operation(String group, String what, Suite.Step step) {
    seen.add(what);
    String reason = faults.get(what);
    if (reason == null) {
      suite.operation(group, what, step);
    } else {
      suite.fault(group, what, reason, step);
    }
  }

  private void discovery() {
    operation("discovery", "ServiceProviderConfig", () -> {
      JsonNode config = sdk.serviceProviderConfig();
      for (String ability : List.of("patch", "bulk", "filter", "sort", "etag")) {
        truth(ability + " is supported", config.path(ability).path("supported").asBoolean());
      }
    });
    operation("discovery", "ResourceTypes", () -> {
      truth("User and Group are there", names(sdk.resourceTypes(), "name").containsAll(List.of("User", "Group")));
    });
    operation("discovery", "Schemas", () -> {
      truth("core and enterprise are there", names(sdk.schemas(), "id").containsAll(List.of(USER, ENTERPRISE, GROUP)));
    });
  }

  private void create() {
    operation("create", "a user with only a user name", () -> {
      String name = suite.name("alone");
      JsonNode made = sdk.create("Users", user(name));
      equal("userName", made.path("userName"), name);
      equal("active", made.path("active"), true);
      equal("userName in Keycloak", suite.user(id(made)).path("userName"), name);
      equal("enabled in Keycloak", suite.user(id(made)).path("enabled"), true);
    });
    operation("create", "a user with every kind of attribute", () -> {
      ObjectNode full = full("full");
      JsonNode made = sdk.create("Users", full);
      for (String attribute : List.of("externalId", "name", "emails", "phoneNumbers", "addresses", "title", "nickName", "displayName")) {
        same(attribute, made, full);
      }
      JsonNode has = suite.user(id(made));
      equal("e-mail in Keycloak", has.path("email"), full.at("/emails/0/value").asText());
      equal("first name in Keycloak", has.path("givenName"), "Jane");
      equal("last name in Keycloak", has.path("familyName"), "Doe");
      kept(has, "+49 30 1234");
      kept(has, "Berlin");
    });
    operation("create", "a user with the enterprise extension", () -> {
      JsonNode made = sdk.create("Users", enterprise("enterprise"));
      equal("department", made.path(ENTERPRISE).path("department"), "Sales");
      kept(suite.user(id(made)), "Sales");
    });
    operation("create", "a user with a manager", () -> {
      String boss = make("boss");
      ObjectNode wanted = enterprise("managed");
      ((ObjectNode) wanted.get(ENTERPRISE)).putObject("manager").put("value", boss);
      JsonNode made = sdk.create("Users", wanted);
      equal("manager", made.path(ENTERPRISE).path("manager").path("value"), boss);
      kept(suite.user(id(made)), boss);
    });
    operation("create", "a user who is inactive", () -> {
      JsonNode made = sdk.create("Users", user(suite.name("inactive")).put("active", false));
      equal("active", made.path("active"), false);
      equal("enabled in Keycloak", suite.user(id(made)).path("enabled"), false);
    });
    operation("create", "a user whose name is taken: 409 uniqueness", () -> {
      String name = suite.name("twice");
      sdk.create("Users", user(name));
      refused(409, "uniqueness", () -> sdk.create("Users", user(name)));
    });
    operation("create", "a user without a user name: 400 invalidValue", () ->
        refused(400, "invalidValue", () -> sdk.create("Users", object("{'schemas':['" + USER + "'],'title':'Nobody'}"))));
    operation("create", "letters of many scripts", () -> {
      ObjectNode wanted = user(suite.name("scripts")).put("title", "Größe 東京 Ωμέγα").put("displayName", "Łukasz O'Neil \"Q\"");
      JsonNode made = sdk.create("Users", wanted);
      same("title", made, wanted);
      same("displayName", made, wanted);
      kept(suite.user(id(made)), "東京");
    });
  }

  private void read() {
    operation("read", "a user by id", () -> {
      ObjectNode full = full("read");
      String id = id(sdk.create("Users", full));
      JsonNode got = sdk.get("Users", id, Read.ALL);
      for (String attribute : List.of("userName", "externalId", "name", "emails", "title")) {
        same(attribute, got, full);
      }
      truth("meta.location ends with the id", got.at("/meta/location").asText().endsWith("/Users/" + id));
      equal("userName in Keycloak", suite.user(id).path("userName"), full.path("userName").asText());
    });
    operation("read", "attributes=userName,title", () -> {
      JsonNode got = sdk.get("Users", id(sdk.create("Users", full("some"))), new Read(List.of("userName", "title"), null, null));
      truth("title is there", got.hasNonNull("title"));
      truth("emails are not there", !got.hasNonNull("emails"));
    });
    operation("read", "excludedAttributes=emails", () -> {
      JsonNode got = sdk.get("Users", id(sdk.create("Users", full("without"))), new Read(null, List.of("emails"), null));
      truth("title is there", got.hasNonNull("title"));
      truth("emails are not there", !got.hasNonNull("emails"));
    });
    operation("read", "an id that nobody has: 404", () ->
        refused(404, null, () -> sdk.get("Users", "00000000-0000-4000-8000-000000000000", Read.ALL)));
  }

  private void search() throws Exception {
    ObjectNode anna = full("anna").put("nickName", "Searched-" + suite.domain).put("externalId", "ext-anna-" + suite.domain);
    anna.putObject(ENTERPRISE).put("department", "Search-" + suite.domain);
    anna.withArray("schemas").add(ENTERPRISE);
    String id = id(sdk.create("Users", anna));
    String name = anna.path("userName").asText();
    String email = anna.at("/emails/0/value").asText();
    Map<String, String> filters = new java.util.LinkedHashMap<>();
    filters.put("userName eq", "userName eq \"" + name + "\"");
    filters.put("userName eq in capitals", "userName eq \"" + name.toUpperCase(java.util.Locale.ROOT) + "\"");
    filters.put("externalId eq", "externalId eq \"ext-anna-" + suite.domain + "\"");
    filters.put("emails.value eq", "emails.value eq \"" + email + "\"");
    filters.put("emails eq", "emails eq \"" + email + "\"");
    filters.put("emails[type eq and value eq]", "emails[type eq \"work\" and value eq \"" + email + "\"]");
    filters.put("userName sw and active eq", "userName sw \"anna-\" and active eq true and userName ew \"" + suite.domain + "\"");
    filters.put("nickName co", "nickName co \"earched-" + suite.domain + "\" and userName sw \"anna-\"");
    filters.put("name.familyName ew or, and, not", "(name.familyName ew \"oe\" or title pr) and not (nickName ne \"Searched-" + suite.domain + "\")");
    filters.put("an attribute of the enterprise extension", ENTERPRISE + ":department eq \"Search-" + suite.domain + "\"");
    filters.put("meta.created ge", "meta.created ge \"2020-01-01T00:00:00Z\" and userName eq \"" + name + "\"");
    filters.put("id eq", "id eq \"" + id + "\"");
    for (Map.Entry<String, String> filter : filters.entrySet()) {
      operation("search", filter.getKey(), () -> one(Query.of(filter.getValue()), id));
    }
    operation("search", "POST .search: userName eq", () -> one(Query.of(filters.get("userName eq")).posted(), id));
    operation("search", "POST .search: startIndex and count", () -> one(Query.of(filters.get("userName eq")).page(1, 10).posted(), id));
    operation("search", "attributes=userName,title", () -> {
      JsonNode found = one(Query.of(filters.get("userName eq")).only("userName", "title"), id);
      truth("title is there and emails are not", found.hasNonNull("title") && !found.hasNonNull("emails"));
    });
    operation("search", "POST .search: attributes", () -> {
      JsonNode found = one(Query.of(filters.get("userName eq")).only("userName", "title").posted(), id);
      truth("title is there and emails are not", found.hasNonNull("title") && !found.hasNonNull("emails"));
    });
    operation("search", "nobody: an empty list", () ->
        equal("total", sdk.search("Users", Query.of("userName eq \"nobody@" + suite.domain + "\"")).total(), 0));
    operation("search", "an invalid filter: 400 invalidFilter", () ->
        refused(400, "invalidFilter", () -> sdk.search("Users", Query.of("userName eq"))));
  }

  private JsonNode one(Query query, String id) throws Exception {
    Sdk.Page page = sdk.search("Users", query);
    equal("totalResults of " + query.filter(), page.total(), 1);
    equal("id", page.resources().get(0).path("id"), id);
    return page.resources().get(0);
  }

  private void pages() throws Exception {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < suite.mostOfAPage + 2; i++) {
      ids.add(id(sdk.create("Users", user("page-" + i + "@" + suite.domain).put("title", "Page " + (9 - i)))));
    }
    List<String> first = ids.subList(0, suite.mostOfAPage);
    Query pages = Query.of("userName sw \"page-\" and userName ew \"" + suite.domain + "\"");
    operation("pages", "startIndex=3, count=2", () -> {
      Sdk.Page page = sdk.search("Users", pages.sorted("userName", false).page(3, 2));
      equal("totalResults", page.total(), ids.size());
      equal("startIndex", page.startIndex(), 3);
      equal("ids", ids(page.resources()), ids.subList(2, 4));
    });
    operation("pages", "sortBy=userName", () -> equal("ids", ids(sdk.search("Users", pages.sorted("userName", false)).resources()), first));
    operation("pages", "sortBy=userName, descending", () -> {
      List<String> reversed = new ArrayList<>(ids);
      java.util.Collections.reverse(reversed);
      equal("ids", ids(sdk.search("Users", pages.sorted("userName", true)).resources()), reversed.subList(0, suite.mostOfAPage));
    });
    operation("pages", "sortBy=title", () -> equal("first", sdk.search("Users", pages.sorted("title", false)).resources().get(0).path("id"), ids.get(ids.size() - 1)));
    operation("pages", "POST .search: sortBy, startIndex and count", () -> {
      Sdk.Page page = sdk.search("Users", pages.sorted("userName", false).page(2, 2).posted());
      equal("ids", ids(page.resources()), ids.subList(1, 3));
    });
    operation("pages", "a walk through more than one page", () -> {
      List<String> walked = ids(sdk.all("Users", pages.sorted("userName", false).page(1, suite.mostOfAPage)));
      equal("ids", walked, ids);
    });
  }

  private void replace() {
    operation("PUT", "a user as read, with another title", () -> {
      ObjectNode got = (ObjectNode) sdk.get("Users", id(sdk.create("Users", full("put"))), Read.ALL);
      JsonNode after = sdk.replace("Users", got.put("title", "Chief"), false);
      equal("title", after.path("title"), "Chief");
      equal("e-mail in Keycloak", suite.user(id(got)).path("email"), got.at("/emails/0/value").asText());
      kept(suite.user(id(got)), "Chief");
    });
    operation("PUT", "another name and address", () -> {
      ObjectNode got = (ObjectNode) sdk.get("Users", id(sdk.create("Users", full("renamed"))), Read.ALL);
      String name = suite.name("new");
      got.put("userName", name);
      got.set("name", value("{'givenName':'New','familyName':'Name'}"));
      got.set("emails", value("[{'value':'" + name + "','type':'work','primary':true}]"));
      equal("userName", sdk.replace("Users", got, false).path("userName"), name);
      JsonNode has = suite.user(id(got));
      equal("Keycloak's", List.of(has.path("userName").asText(), has.path("email").asText(), has.path("familyName").asText()), List.of(name, name, "Name"));
    });
    operation("PUT", "a user without the phone numbers that it had", () -> {
      ObjectNode got = (ObjectNode) sdk.get("Users", id(sdk.create("Users", full("less"))), Read.ALL);
      got.remove("phoneNumbers");
      truth("they are gone", !sdk.replace("Users", got, false).hasNonNull("phoneNumbers"));
      gone(suite.user(id(got)), "+49 30 1234");
    });
    operation("PUT", "active: false", () -> {
      ObjectNode got = (ObjectNode) sdk.get("Users", make("off"), Read.ALL);
      equal("active", sdk.replace("Users", got.put("active", false), false).path("active"), false);
      equal("enabled in Keycloak", suite.user(id(got)).path("enabled"), false);
    });
  }

  /** Patches a user and gives what is read afterwards, whatever the PATCH gave. */
  private JsonNode patched(String endpoint, String id, Change... changes) throws Exception {
    JsonNode answer = sdk.patch(endpoint, id, null, changes);
    JsonNode got = sdk.get(endpoint, id, Read.ALL);
    if (answer != null && answer.size() > 0) {
      equal("the version of the answer", answer.at("/meta/version").asText(), got.at("/meta/version").asText());
    }
    return got;
  }

  private void patch() {
    operation("PATCH", "replace title", () -> {
      String id = id(sdk.create("Users", full("title")));
      equal("title", patched("Users", id, new Change("replace", "title", value("'Head'"))).path("title"), "Head");
      kept(suite.user(id), "Head");
    });
    operation("PATCH", "replace name.familyName", () -> {
      String id = id(sdk.create("Users", full("family")));
      equal("familyName", patched("Users", id, new Change("replace", "name.familyName", value("'Smith'"))).at("/name/familyName"), "Smith");
      equal("last name in Keycloak", suite.user(id).path("familyName"), "Smith");
      equal("first name in Keycloak", suite.user(id).path("givenName"), "Jane");
    });
    operation("PATCH", "add without a path", () -> {
      String id = make("pathless");
      JsonNode got = patched("Users", id, new Change("add", null, value("{'nickName':'Nick','name':{'givenName':'Nick'}}")));
      equal("nickName", got.path("nickName"), "Nick");
      equal("first name in Keycloak", suite.user(id).path("givenName"), "Nick");
    });
    operation("PATCH", "replace without a path", () -> {
      String id = id(sdk.create("Users", full("pathless")));
      JsonNode got = patched("Users", id, new Change("replace", null, value("{'title':'Lead','active':false}")));
      equal("title", got.path("title"), "Lead");
      equal("enabled in Keycloak", suite.user(id).path("enabled"), false);
    });
    operation("PATCH", "add a second address", () -> {
      String id = id(sdk.create("Users", full("second")));
      String home = suite.name("home");
      JsonNode got = patched("Users", id, new Change("add", "emails", value("[{'value':'" + home + "','type':'home'}]")));
      equal("number of addresses", got.path("emails").size(), 2);
      kept(suite.user(id), home);
    });
    operation("PATCH", "replace emails[type eq \"work\"].value", () -> {
      String id = id(sdk.create("Users", full("work")));
      String other = suite.name("other");
      JsonNode got = patched("Users", id, new Change("replace", "emails[type eq \"work\"].value", value("'" + other + "'")));
      equal("address", got.at("/emails/0/value"), other);
      equal("e-mail in Keycloak", suite.user(id).path("email"), other);
    });
    operation("PATCH", "remove phoneNumbers[type eq \"work\"]", () -> {
      String id = id(sdk.create("Users", full("phone")));
      truth("it is gone", !patched("Users", id, new Change("remove", "phoneNumbers[type eq \"work\"]", null)).toString().contains("+49 30 1234"));
      gone(suite.user(id), "+49 30 1234");
    });
    operation("PATCH", "remove title", () -> {
      String id = id(sdk.create("Users", full("untitled")));
      truth("it is gone", !patched("Users", id, new Change("remove", "title", null)).hasNonNull("title"));
      gone(suite.user(id), "Boss");
    });
    operation("PATCH", "active: false, then true", () -> {
      String id = make("switch");
      equal("active", patched("Users", id, new Change("replace", "active", value("false"))).path("active"), false);
      equal("enabled in Keycloak", suite.user(id).path("enabled"), false);
      equal("active", patched("Users", id, new Change("replace", "active", value("true"))).path("active"), true);
      equal("enabled in Keycloak", suite.user(id).path("enabled"), true);
    });
    operation("PATCH", "an attribute of the enterprise extension", () -> {
      String id = id(sdk.create("Users", enterprise("department")));
      JsonNode got = patched("Users", id, new Change("replace", ENTERPRISE + ":department", value("'Marketing'")));
      equal("department", got.path(ENTERPRISE).path("department"), "Marketing");
      kept(suite.user(id), "Marketing");
    });
    operation("PATCH", "three operations at once", () -> {
      String id = id(sdk.create("Users", full("three")));
      JsonNode got = patched("Users", id, new Change("replace", "title", value("'Head'")), new Change("remove", "nickName", null), new Change("add", "displayName", value("'J. D.'")));
      equal("title and displayName", got.path("title").asText() + got.path("displayName").asText(), "HeadJ. D.");
      truth("nickName is gone", !got.hasNonNull("nickName"));
      kept(suite.user(id), "J. D.");
    });
    operation("PATCH", "replace a value that no filter finds: 400 noTarget", () -> {
      String id = make("target");
      refused(400, "noTarget", () -> sdk.patch("Users", id, null, new Change("replace", "emails[value co \"nobody\"].display", value("'x'"))));
    });
    operation("PATCH", "replace id: 400 mutability", () -> {
      String id = make("mutability");
      refused(400, "mutability", () -> sdk.patch("Users", id, null, new Change("replace", "id", value("'x'"))));
      truth("the user is there", suite.user(id) != null);
    });
  }

  private void extensions() {
    operation("extension", "create with one that no schema publishes", () -> {
      JsonNode made = sdk.create("Users", partner("unpublished"));
      equal("badge", made.path(PARTNER).path("badge"), "B1");
      kept(suite.user(id(made)), "B1");
    });
    operation("extension", "replace an attribute of it by its path", () -> {
      String id = id(sdk.create("Users", partner("badge")));
      JsonNode got = patched("Users", id, new Change("replace", PARTNER + ":badge", value("'B2'")));
      equal("badge", got.path(PARTNER).path("badge"), "B2");
      equal("floor, which nobody named", got.path(PARTNER).path("floor"), "4");
      kept(suite.user(id), "B2");
    });
    operation("extension", "add to it without a path", () -> {
      String id = id(sdk.create("Users", partner("merge")));
      JsonNode got = patched("Users", id, new Change("add", null, value("{'" + PARTNER + "':{'badge':'B3'}}")));
      equal("badge", got.path(PARTNER).path("badge"), "B3");
      equal("floor, which nobody named", got.path(PARTNER).path("floor"), "4");
      kept(suite.user(id), "B3");
    });
    operation("extension", "a number for a text attribute", () -> {
      ObjectNode wanted = enterprise("number");
      ((ObjectNode) wanted.get(ENTERPRISE)).put("employeeNumber", 4711);
      JsonNode made = sdk.create("Users", wanted);
      equal("employeeNumber", made.path(ENTERPRISE).path("employeeNumber").asText(), "4711");
      kept(suite.user(id(made)), "4711");
    });
  }

  private void groups() {
    operation("groups", "create without members", () -> {
      JsonNode made = sdk.create("Groups", group("empty"));
      equal("name in Keycloak", suite.group(id(made)).path("displayName"), made.path("displayName").asText());
    });
    operation("groups", "create with members", () -> {
      String jane = make("member");
      JsonNode made = sdk.create("Groups", group("team", jane));
      equal("members", values(made.path("members")), List.of(jane));
      members(id(made), jane);
    });
    operation("groups", "read with members; the user shows the group", () -> {
      String jane = make("member");
      String id = id(sdk.create("Groups", group("shown", jane)));
      equal("members", values(sdk.get("Groups", id, Read.ALL).path("members")), List.of(jane));
      equal("groups", values(sdk.get("Users", jane, new Read(List.of("groups"), null, null)).path("groups")), List.of(id));
      truth("Keycloak has the membership", suite.user(jane).path("groups").toString().contains(id));
    });
    operation("groups", "excludedAttributes=members", () -> {
      JsonNode got = sdk.get("Groups", id(sdk.create("Groups", group("plain", make("member")))), new Read(null, List.of("members"), null));
      truth("members are not there", !got.hasNonNull("members") || got.path("members").isEmpty());
    });
    operation("groups", "displayName eq", () -> {
      JsonNode made = sdk.create("Groups", group("found"));
      Sdk.Page page = sdk.search("Groups", Query.of("displayName eq \"" + made.path("displayName").asText() + "\""));
      equal("ids", ids(page.resources()), List.of(id(made)));
    });
    operation("groups", "members.value eq", () -> {
      String jane = make("member");
      String id = id(sdk.create("Groups", group("of", jane)));
      equal("ids", ids(sdk.search("Groups", Query.of("members.value eq \"" + jane + "\"")).resources()), List.of(id));
    });
    operation("groups", "PATCH add members", () -> {
      String jane = make("member");
      String john = make("member");
      String id = id(sdk.create("Groups", group("add", jane)));
      patched("Groups", id, new Change("add", "members", value("[{'value':'" + john + "'}]")));
      members(id, jane, john);
    });
    operation("groups", "PATCH add a member who is one", () -> {
      String jane = make("member");
      String id = id(sdk.create("Groups", group("again", jane)));
      patched("Groups", id, new Change("add", "members", value("[{'value':'" + jane + "'}]")));
      members(id, jane);
    });
    operation("groups", "PATCH remove members[value eq]", () -> {
      String jane = make("member");
      String john = make("member");
      String id = id(sdk.create("Groups", group("remove", jane, john)));
      patched("Groups", id, new Change("remove", "members[value eq \"" + jane + "\"]", null));
      members(id, john);
    });
    operation("groups", "PATCH remove members with a list", () -> {
      String jane = make("member");
      String john = make("member");
      String id = id(sdk.create("Groups", group("listed", jane, john)));
      patched("Groups", id, new Change("remove", "members", value("[{'value':'" + jane + "'}]")));
      members(id, john);
    });
    operation("groups", "PATCH replace members", () -> {
      String jane = make("member");
      String john = make("member");
      String id = id(sdk.create("Groups", group("replace", jane)));
      patched("Groups", id, new Change("replace", "members", value("[{'value':'" + john + "'}]")));
      members(id, john);
    });
    operation("groups", "PATCH remove members: all", () -> {
      String id = id(sdk.create("Groups", group("none", make("member"))));
      patched("Groups", id, new Change("remove", "members", null));
      members(id);
    });
    operation("groups", "PATCH replace displayName", () -> {
      String jane = make("member");
      String id = id(sdk.create("Groups", group("named", jane)));
      String name = suite.name("renamed");
      equal("displayName", patched("Groups", id, new Change("replace", "displayName", value("'" + name + "'"))).path("displayName"), name);
      equal("name in Keycloak", suite.group(id).path("displayName"), name);
      members(id, jane);
    });
    operation("groups", "PUT with other members", () -> {
      String jane = make("member");
      String john = make("member");
      ObjectNode got = (ObjectNode) sdk.get("Groups", id(sdk.create("Groups", group("put", jane))), Read.ALL);
      got.set("members", value("[{'value':'" + john + "'}]"));
      sdk.replace("Groups", got, false);
      members(id(got), john);
    });
    operation("groups", "a member that does not exist: 400", () -> {
      String id = id(sdk.create("Groups", group("unknown")));
      refused(400, null, () -> sdk.patch("Groups", id, null, new Change("add", "members", value("[{'value':'00000000-0000-4000-8000-000000000000'}]"))));
      members(id);
    });
    operation("groups", "delete", () -> {
      String jane = make("member");
      String id = id(sdk.create("Groups", group("gone", jane)));
      sdk.delete("Groups", id, null);
      equal("the group in Keycloak", suite.group(id), null);
      truth("the member is there", suite.user(jane) != null);
    });
  }

  private void versions() {
    operation("versions", "GET with If-None-Match of the version: 304", () -> {
      JsonNode made = sdk.create("Users", full("unchanged"));
      refused(304, null, () -> sdk.get("Users", id(made), new Read(null, null, made.at("/meta/version").asText())));
    });
    operation("versions", "PUT with If-Match", () -> {
      ObjectNode got = (ObjectNode) sdk.get("Users", id(sdk.create("Users", full("match"))), Read.ALL);
      equal("title", sdk.replace("Users", got.put("title", "Matched"), true).path("title"), "Matched");
      kept(suite.user(id(got)), "Matched");
    });
    operation("versions", "PUT with an old version in If-Match: 412", () -> {
      ObjectNode got = (ObjectNode) sdk.get("Users", id(sdk.create("Users", full("stale"))), Read.ALL);
      sdk.patch("Users", id(got), null, new Change("replace", "title", value("'Between'")));
      refused(412, null, () -> sdk.replace("Users", got.put("title", "Late"), true));
      kept(suite.user(id(got)), "Between");
    });
    operation("versions", "PATCH with If-Match, then again with the same: 412", () -> {
      JsonNode made = sdk.create("Users", full("patch"));
      String version = made.at("/meta/version").asText();
      sdk.patch("Users", id(made), version, new Change("replace", "title", value("'First'")));
      refused(412, null, () -> sdk.patch("Users", id(made), version, new Change("replace", "title", value("'Second'"))));
      kept(suite.user(id(made)), "First");
    });
    operation("versions", "DELETE with an old version in If-Match: 412", () -> {
      JsonNode made = sdk.create("Users", full("kept"));
      sdk.patch("Users", id(made), null, new Change("replace", "title", value("'Changed'")));
      refused(412, null, () -> sdk.delete("Users", id(made), made.at("/meta/version").asText()));
      truth("the user is there", suite.user(id(made)) != null);
    });
    operation("versions", "a group's version changes with its members: 412", () -> {
      String jane = make("member");
      String id = id(sdk.create("Groups", group("version")));
      String before = sdk.get("Groups", id, Read.ALL).at("/meta/version").asText();
      sdk.patch("Groups", id, null, new Change("add", "members", value("[{'value':'" + jane + "'}]")));
      refused(412, null, () -> sdk.patch("Groups", id, before, new Change("remove", "members", null)));
      members(id, jane);
    });
  }

  private void bulk() {
    operation("bulk", "a user and a group that refers to it by bulkId", () -> {
      List<Sdk.Done> done = sdk.bulk(0, new Sdk.Bulk("POST", "/Users", "jane", user(suite.name("bulk"))), new Sdk.Bulk("POST", "/Groups", "team", group("bulk", "bulkId:jane")));
      equal("statuses", done.stream().map(Sdk.Done::status).toList(), List.of(201, 201));
      members(last(done.get(1).location()), last(done.get(0).location()));
    });
    operation("bulk", "PATCH, PUT and DELETE", () -> {
      String jane = make("bulk");
      String john = make("bulk");
      ObjectNode mary = (ObjectNode) sdk.get("Users", make("bulk"), Read.ALL);
      List<Sdk.Done> done = sdk.bulk(0,
          new Sdk.Bulk("PATCH", "/Users/" + jane, null, object("{'schemas':['urn:ietf:params:scim:api:messages:2.0:PatchOp'],'Operations':[{'op':'replace','path':'title','value':'Bulked'}]}")),
          new Sdk.Bulk("DELETE", "/Users/" + john, null, null),
          new Sdk.Bulk("PUT", "/Users/" + id(mary), null, mary.put("title", "Put")));
      equal("statuses", done.stream().map(Sdk.Done::status).toList(), List.of(200, 204, 200));
      kept(suite.user(jane), "Bulked");
      equal("the deleted one in Keycloak", suite.user(john), null);
      kept(suite.user(id(mary)), "Put");
    });
    operation("bulk", "one of two that fails", () -> {
      String name = suite.name("bulk");
      List<Sdk.Done> done = sdk.bulk(0, new Sdk.Bulk("POST", "/Users", "one", user(name)), new Sdk.Bulk("POST", "/Users", "two", user(name)));
      equal("statuses", done.stream().map(Sdk.Done::status).sorted().toList(), List.of(201, 409));
    });
  }

  private void errors() {
    operation("delete", "a user", () -> {
      String id = make("deleted");
      sdk.delete("Users", id, null);
      equal("the user in Keycloak", suite.user(id), null);
      refused(404, null, () -> sdk.get("Users", id, Read.ALL));
    });
    operation("delete", "a user who is gone: 404", () -> {
      String id = make("deleted");
      sdk.delete("Users", id, null);
      refused(404, null, () -> sdk.delete("Users", id, null));
    });
    operation("errors", "a wrong token: 401", () ->
        refused(401, null, () -> sdk.as("wrong").search("Users", Query.of("userName eq \"x\""))));
    operation("errors", "an unknown endpoint: 404", () -> refused(404, null, () -> sdk.get("Devices", "1", Read.ALL)));
  }

  private String make(String of) throws Exception {
    return id(sdk.create("Users", user(suite.name(of))));
  }

  private void members(String id, String... want) throws Exception {
    List<String> got = new ArrayList<>();
    suite.group(id).path("members").forEach(m -> got.add(m.asText()));
    equal("members in Keycloak", new java.util.TreeSet<>(got), new java.util.TreeSet<>(List.of(want)));
  }

  static ObjectNode user(String name) throws Exception {
    return object("{'schemas':['" + USER + "'],'userName':'" + name + "'}");
  }

  private ObjectNode full(String of) throws Exception {
    String name = suite.name(of);
    ObjectNode user = user(name).put("externalId", "ext-" + name).put("title", "Boss").put("nickName", "Jay").put("displayName", "Jane Doe");
    user.set("name", value("{'givenName':'Jane','familyName':'Doe','formatted':'Dr. Jane Doe'}"));
    user.set("emails", value("[{'value':'" + name + "','type':'work','primary':true}]"));
    user.set("phoneNumbers", value("[{'value':'+49 30 1234','type':'work'},{'value':'+49 30 5678','type':'mobile'}]"));
    user.set("addresses", value("[{'type':'work','locality':'Berlin','country':'DE'}]"));
    return user;
  }

  private ObjectNode enterprise(String of) throws Exception {
    ObjectNode user = user(suite.name(of));
    user.withArray("schemas").add(ENTERPRISE);
    user.set(ENTERPRISE, value("{'department':'Sales','employeeNumber':'42'}"));
    return user;
  }

  private ObjectNode partner(String of) throws Exception {
    ObjectNode user = user(suite.name(of));
    user.withArray("schemas").add(PARTNER);
    user.set(PARTNER, value("{'badge':'B1','floor':'4'}"));
    return user;
  }

  private ObjectNode group(String of, String... members) throws Exception {
    ObjectNode group = object("{'schemas':['" + GROUP + "'],'displayName':'" + suite.name(of) + "'}");
    for (String member : members) {
      group.withArray("members").addObject().put("value", member);
    }
    return group;
  }

  static String id(JsonNode resource) {
    return resource.path("id").asText();
  }

  private static String last(String location) {
    return location.substring(location.lastIndexOf('/') + 1);
  }

  private static List<String> ids(List<JsonNode> resources) {
    return names(resources, "id");
  }

  private static List<String> names(List<JsonNode> resources, String attribute) {
    return resources.stream().map(r -> r.path(attribute).asText()).toList();
  }

  private static List<String> values(JsonNode list) {
    List<String> out = new ArrayList<>();
    list.forEach(v -> out.add(v.path("value").asText()));
    return out;
  }

  /** Checks that an attribute comes back as sent; the provider may add to complex values. */
  private static void same(String attribute, JsonNode got, JsonNode want) {
    within(attribute, got.path(attribute), want.path(attribute));
  }

  private static void within(String what, JsonNode got, JsonNode want) {
    if (want.isObject()) {
      want.fields().forEachRemaining(f -> within(what + "." + f.getKey(), got.path(f.getKey()), f.getValue()));
    } else if (want.isArray()) {
      equal("length of " + what, got.size(), want.size());
      for (int i = 0; i < want.size(); i++) {
        within(what + "[" + i + "]", got.path(i), want.path(i));
      }
    } else {
      equal(what, got, want.isBoolean() ? want.booleanValue() : want.asText());
    }
  }
}
