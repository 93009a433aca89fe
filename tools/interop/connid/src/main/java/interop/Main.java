package interop;

import static interop.Suite.equal;
import static interop.Suite.gone;
import static interop.Suite.kept;
import static interop.Suite.truth;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import net.tirasa.connid.bundles.scim.common.SCIMConnectorConfiguration;
import net.tirasa.connid.bundles.scim.v2.SCIMv2Connector;
import org.identityconnectors.framework.common.objects.Attribute;
import org.identityconnectors.framework.common.objects.AttributeBuilder;
import org.identityconnectors.framework.common.objects.AttributeDelta;
import org.identityconnectors.framework.common.objects.AttributeDeltaBuilder;
import org.identityconnectors.framework.common.objects.ConnectorObject;
import org.identityconnectors.framework.common.objects.Name;
import org.identityconnectors.framework.common.objects.ObjectClass;
import org.identityconnectors.framework.common.objects.OperationOptionsBuilder;
import org.identityconnectors.framework.common.objects.SearchResult;
import org.identityconnectors.framework.common.objects.Uid;
import org.identityconnectors.framework.common.objects.filter.Filter;
import org.identityconnectors.framework.common.objects.filter.FilterBuilder;
import org.identityconnectors.framework.spi.SearchResultsHandler;

/**
 * ConnId's SCIM bundle, which Apache Syncope and midPoint use. It speaks of accounts and attributes, not of requests,
 * and so has operations of its own.
 */
public final class Main {
  private static final String ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
  private static final String PARTNER = "urn:example:params:scim:schemas:extension:partner:2.0:User";
  private static final String[] USUAL = {"userName", "externalId", "title", "displayName", "name.givenName", "name.familyName", "emails.work.value", "phoneNumbers.work.value", "active"};

  private final Suite suite = new Suite();
  private final SCIMv2Connector put = connector("PUT", suite.token);
  private final SCIMv2Connector patch = connector("PATCH", suite.token);

  public static void main(String[] args) {
    Main main = new Main();
    try {
      main.create();
      main.search();
      main.update();
      main.delta();
      main.groups();
      main.rest();
    } catch (Throwable e) {
      e.printStackTrace();
      System.exit(1);
    }
    System.exit(0); // the threads of CXF's client for PATCH would go on
  }

  private SCIMv2Connector connector(String userMethod, String token) {
    SCIMConnectorConfiguration config = new SCIMConnectorConfiguration();
    config.setBaseAddress(suite.base + "/");
    config.setBearerToken(token);
    config.setContentType("application/scim+json");
    config.setAccept("application/scim+json");
    config.setUpdateUserMethod(userMethod);
    config.setUpdateGroupMethod("PATCH");
    config.setCustomAttributesJSON("{\"id\":\"" + PARTNER + "\",\"name\":\"Partner\",\"endpoint\":\"/Users\",\"attributes\":[{\"name\":\"badge\",\"type\":\"string\",\"extensionSchema\":\"" + PARTNER
        + "\",\"multiValued\":false,\"description\":\"\",\"required\":false,\"caseExact\":false,\"mutability\":\"readWrite\",\"returned\":\"default\",\"uniqueness\":\"none\"}]}");
    SCIMv2Connector connector = new SCIMv2Connector();
    connector.init(config);
    return connector;
  }

  private void create() {
    suite.operation("create", "an account with only a name", () -> {
      String name = suite.name("alone");
      String id = account(name);
      equal("userName in Keycloak", suite.user(id).path("userName"), name);
      equal("enabled in Keycloak", suite.user(id).path("enabled"), true);
    });
    suite.operation("create", "name.givenName, name.familyName", () -> {
      String id = account(suite.name("named"), of("name.givenName", "Jane"), of("name.familyName", "Doe"));
      equal("first name in Keycloak", suite.user(id).path("givenName"), "Jane");
      equal("last name in Keycloak", suite.user(id).path("familyName"), "Doe");
    });
    suite.operation("create", "emails.work", () -> {
      String name = suite.name("mail");
      String id = account(name, of("emails.work.value", name), of("emails.work.primary", true));
      equal("e-mail in Keycloak", suite.user(id).path("email"), name);
      equal("address", text(read(id), "emails.work.value"), name);
    });
    suite.operation("create", "emails.work and emails.home", () -> {
      String name = suite.name("mails");
      String home = suite.name("home");
      String id = account(name, of("emails.work.value", name), of("emails.work.primary", true), of("emails.home.value", home));
      equal("e-mail in Keycloak", suite.user(id).path("email"), name);
      kept(suite.user(id), home);
    });
    keeps("phoneNumbers.work and mobile", "+49 30 99", of("phoneNumbers.work.value", "+49 30 1"), of("phoneNumbers.mobile.value", "+49 30 99"));
    keeps("addresses.work", "Berlin", of("addresses.work.locality", "Berlin"), of("addresses.work.country", "DE"));
    keeps("title, displayName and nickName", "Boss", of("title", "Boss"), of("displayName", "Jane Doe"), of("nickName", "Jay"));
    keeps("locale, preferredLanguage and timezone", "Europe/Berlin", of("locale", "de-DE"), of("preferredLanguage", "de"), of("timezone", "Europe/Berlin"));
    keeps("roles.default", "Auditor", of("roles.default.value", "Auditor"));
    keeps("entitlements.default", "Printing", of("entitlements.default.value", "Printing"));
    suite.operation("create", "externalId", () -> {
      String name = suite.name("external");
      String id = account(name, of("externalId", "ext-" + name));
      kept(suite.user(id), "ext-" + name);
    });
    suite.operation("create", "an account that is disabled", () ->
        equal("enabled in Keycloak", suite.user(account(suite.name("disabled"), of("__ENABLE__", false))).path("enabled"), false));
    keeps("department and employeeNumber of the enterprise extension", "Sales", of(ENTERPRISE + ":department", "Sales"), of(ENTERPRISE + ":employeeNumber", "42"));
    suite.operation("create", "a manager", () -> {
      String boss = account(suite.name("boss"));
      kept(suite.user(account(suite.name("managed"), of(ENTERPRISE + ":manager.value", boss))), boss);
    });
    keeps("an attribute of an extension that no schema publishes", "B1", of(PARTNER + ":badge", "B1"));
    suite.operation("create", "letters of many scripts", () ->
        kept(suite.user(account(suite.name("scripts"), of("title", "Größe 東京"))), "東京"));
    suite.operation("create", "a name that is taken: an error", () -> {
      String name = suite.name("twice");
      account(name);
      fails("409", () -> account(name));
    });
    suite.operation("create", "an account without a name: an error", () ->
        fails("400", () -> put.create(ObjectClass.ACCOUNT, Set.of(of("title", "Nobody")), none())));
  }

  /** An operation that creates an account and looks for a text in Keycloak. */
  private void keeps(String what, String text, Attribute... attributes) {
    suite.operation("create", what, () -> kept(suite.user(account(suite.name("kept"), attributes)), text));
  }

  private void search() throws Exception {
    String name = suite.name("found");
    String id = account(name, of("externalId", "ext-" + name), of("title", "Boss"), of("emails.work.value", name), of("emails.work.primary", true), of("displayName", "D " + name));
    suite.operation("search", "by Uid", () -> equal("name", read(id).getName().getNameValue(), name));
    suite.operation("search", "by Name", () -> found(FilterBuilder.equalTo(new Name(name)), id));
    suite.operation("search", "by externalId", () -> found(FilterBuilder.equalTo(of("externalId", "ext-" + name)), id));
    suite.operation("search", "by emails.value", () -> found(FilterBuilder.equalTo(of("emails.value", name)), id));
    suite.operation("search", "by displayName", () -> found(FilterBuilder.equalTo(of("displayName", "D " + name)), id));
    suite.operation("search", "the attributes that are asked for", () -> {
      equal("title", text(read(id), "title"), "Boss");
      equal("address", text(read(id), "emails.work.value"), name);
      equal("externalId", text(read(id), "externalId"), "ext-" + name);
    });
    suite.operation("search", "a name that nobody has", () ->
        equal("accounts", query(ObjectClass.ACCOUNT, FilterBuilder.equalTo(new Name("nobody@" + suite.domain)), 0, null).size(), 0));
    suite.operation("search", "a Uid that nobody has: an error", () -> fails("No SCIM entity found", () -> read("00000000-0000-4000-8000-000000000000")));
    suite.operation("search", "accounts without a filter: a page", () ->
        equal("accounts", query(ObjectClass.ACCOUNT, null, 0, null).size(), suite.mostOfAPage));
    suite.operation("search", "all accounts, three a page", () -> truth("the account is among them", walk(ObjectClass.ACCOUNT, 3).contains(id)));
    suite.operation("search", "all groups, three a page", () -> {
      List<String> made = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        made.add(group(suite.name("page")));
      }
      truth("all are found", walk(ObjectClass.GROUP, 3).containsAll(made));
    });
    suite.operation("search", "a group by Name", () -> {
      String team = suite.name("team");
      String group = group(team);
      equal("ids", ids(query(ObjectClass.GROUP, FilterBuilder.equalTo(new Name(team)), 0, null)), List.of(group));
    });
  }

  private void update() {
    suite.operation("update by PUT", "title and name", () -> {
      String name = suite.name("put");
      String id = account(name, of("title", "Boss"), of("name.familyName", "Doe"));
      replace(put, id, name, of("title", "Chief"), of("name.familyName", "Smith"));
      kept(suite.user(id), "Chief");
      equal("last name in Keycloak", suite.user(id).path("familyName"), "Smith");
    });
    suite.operation("update by PUT", "another name and address", () -> {
      String id = account(suite.name("put"));
      String other = suite.name("other");
      replace(put, id, other, of("emails.work.value", other), of("emails.work.primary", true));
      equal("userName in Keycloak", suite.user(id).path("userName"), other);
      equal("e-mail in Keycloak", suite.user(id).path("email"), other);
    });
    suite.operation("update by PUT", "without the phone number that it had", () -> {
      String name = suite.name("put");
      String id = account(name, of("phoneNumbers.work.value", "+49 30 77"));
      replace(put, id, name, of("title", "Boss"));
      gone(suite.user(id), "+49 30 77");
    });
    suite.operation("update by PUT", "disable and enable", () -> {
      String name = suite.name("put");
      String id = account(name);
      replace(put, id, name, of("__ENABLE__", false));
      equal("enabled in Keycloak", suite.user(id).path("enabled"), false);
      replace(put, id, name, of("__ENABLE__", true));
      equal("enabled in Keycloak", suite.user(id).path("enabled"), true);
    });
    suite.operation("update by PUT", "into a group", () -> {
      String name = suite.name("put");
      String id = account(name);
      String team = group(suite.name("team"));
      replace(put, id, name, of("groups", team));
      members(team, id);
    });
    suite.fault("update by PUT", "out of a group", "it looks for the groups to leave in the user's groups, but does not ask for them. A user shows its groups on request (returned in /Schemas, RFC 7643 section 7). UPDATE_DELTA, or an update of the group, removes the member", () -> {
      String name = suite.name("put");
      String id = account(name);
      String team = group(suite.name("team"), id);
      replace(put, id, name);
      members(team);
    });
    suite.operation("update by PUT", "an attribute of an extension that no schema publishes", () -> {
      String name = suite.name("put");
      String id = account(name, of(PARTNER + ":badge", "B1"));
      replace(put, id, name, of(PARTNER + ":badge", "B2"));
      kept(suite.user(id), "B2");
    });
    suite.fault("update by PATCH", "title", "UPDATE with updateUserMethod PATCH sends a user where RFC 7644 section 3.5.2 wants Operations; UPDATE_DELTA is the call for PATCH", () -> {
      String name = suite.name("patch");
      String id = account(name);
      replace(patch, id, name, of("title", "Chief"));
      kept(suite.user(id), "Chief");
    });
  }

  private void delta() {
    changes("replace title", "Chief", set("title", "Chief"));
    changes("replace displayName and nickName", "Jay", set("displayName", "Jane"), set("nickName", "Jay"));
    changes("department of the enterprise extension", "Marketing", set(ENTERPRISE + ":department", "Marketing"));
    changes("an attribute of an extension that no schema publishes", "B2", set(PARTNER + ":badge", "B2"));
    changes("add a phone number", "+49 30 5", AttributeDeltaBuilder.build("phoneNumbers.home.value", List.of("+49 30 5"), List.of()));
    suite.operation("UPDATE_DELTA", "replace name.familyName", () -> {
      String id = account(suite.name("delta"), of("name.givenName", "Jane"), of("name.familyName", "Doe"));
      change(id, set("name.familyName", "Smith"));
      equal("last name in Keycloak", suite.user(id).path("familyName"), "Smith");
      equal("first name in Keycloak", suite.user(id).path("givenName"), "Jane");
    });
    suite.operation("UPDATE_DELTA", "replace the user name", () -> {
      String id = account(suite.name("delta"));
      String other = suite.name("other");
      change(id, set(Name.NAME, other));
      equal("userName in Keycloak", suite.user(id).path("userName"), other);
    });
    suite.operation("UPDATE_DELTA", "replace emails.work", () -> {
      String name = suite.name("delta");
      String id = account(name, of("emails.work.value", name), of("emails.work.primary", true));
      String other = suite.name("other");
      change(id, set("emails.work.value", other));
      equal("e-mail in Keycloak", suite.user(id).path("email"), other);
    });
    suite.operation("UPDATE_DELTA", "remove a phone number", () -> {
      String id = account(suite.name("delta"), of("phoneNumbers.work.value", "+49 30 66"), of("phoneNumbers.home.value", "+49 30 7"));
      change(id, AttributeDeltaBuilder.build("phoneNumbers.work.value", List.of(), List.of("+49 30 66")));
      gone(suite.user(id), "+49 30 66");
      kept(suite.user(id), "+49 30 7");
    });
    suite.operation("UPDATE_DELTA", "active: false, then true", () -> {
      String id = account(suite.name("delta"));
      change(id, set("active", false));
      equal("enabled in Keycloak", suite.user(id).path("enabled"), false);
      change(id, set("active", true));
      equal("enabled in Keycloak", suite.user(id).path("enabled"), true);
    });
    suite.operation("UPDATE_DELTA", "a manager", () -> {
      String boss = account(suite.name("boss"));
      String id = account(suite.name("delta"));
      change(id, set(ENTERPRISE + ":manager.value", boss));
      kept(suite.user(id), boss);
    });
    suite.operation("UPDATE_DELTA", "another title, into a group and out of another", () -> {
      String id = account(suite.name("delta"));
      String before = group(suite.name("team"), id);
      String after = group(suite.name("team"));
      change(id, set("title", "Chief"), AttributeDeltaBuilder.build("groups", List.of(after), List.of(before)));
      kept(suite.user(id), "Chief");
      members(before);
      members(after, id);
    });
    suite.fault("UPDATE_DELTA", "into a group, and nothing else", "before it patches the group it sends a PATCH of the user without Operations, and gives up. RFC 7644 section 3.5.2 wants one or more. The member can be added at the group", () -> {
      String id = account(suite.name("delta"));
      String team = group(suite.name("team"));
      change(id, AttributeDeltaBuilder.build("groups", List.of(team), List.of()));
      members(team, id);
    });
  }

  /** An operation that changes an account and looks for a text in Keycloak. */
  private void changes(String what, String text, AttributeDelta... deltas) {
    suite.operation("UPDATE_DELTA", what, () -> {
      String id = account(suite.name("delta"));
      change(id, deltas);
      kept(suite.user(id), text);
    });
  }

  private void groups() {
    suite.operation("groups", "create", () -> {
      String name = suite.name("team");
      equal("name in Keycloak", suite.group(group(name)).path("displayName"), name);
    });
    suite.operation("groups", "create with members", () -> {
      String jane = account(suite.name("member"));
      members(group(suite.name("team"), jane), jane);
    });
    suite.operation("groups", "create an account in a group", () -> {
      String team = group(suite.name("team"));
      ((SCIMConnectorConfiguration) put.getConfiguration()).setExplicitGroupAddOnCreate(true);
      members(team, account(suite.name("member"), of("groups", team)));
    });
    suite.operation("groups", "update: another name", () -> {
      String jane = account(suite.name("member"));
      String team = group(suite.name("team"), jane);
      String name = suite.name("renamed");
      put.update(ObjectClass.GROUP, new Uid(team), Set.of(of("displayName", name), new Name(name), of("members", jane)), none());
      equal("name in Keycloak", suite.group(team).path("displayName"), name);
      members(team, jane);
    });
    suite.operation("groups", "UPDATE_DELTA: another name", () -> {
      String team = group(suite.name("team"));
      String name = suite.name("renamed");
      put.updateDelta(ObjectClass.GROUP, new Uid(team), Set.of(set(Name.NAME, name)), none());
      equal("name in Keycloak", suite.group(team).path("displayName"), name);
    });
    suite.operation("groups", "UPDATE_DELTA: add a member, remove another", () -> {
      String jane = account(suite.name("member"));
      String john = account(suite.name("member"));
      String team = group(suite.name("team"), jane);
      put.updateDelta(ObjectClass.GROUP, new Uid(team), Set.of(AttributeDeltaBuilder.build("members", List.of(john), List.of(jane))), none());
      members(team, john);
    });
    suite.operation("groups", "UPDATE_DELTA: replace members", () -> {
      String jane = account(suite.name("member"));
      String john = account(suite.name("member"));
      String team = group(suite.name("team"), jane);
      put.updateDelta(ObjectClass.GROUP, new Uid(team), Set.of(set("members", john)), none());
      members(team, john);
    });
    suite.fault("groups", "UPDATE_DELTA: remove two members", "its filter names the first member twice, as members[value eq \"1\" or value eq \"1\"], and the second stays", () -> {
      String jane = account(suite.name("member"));
      String john = account(suite.name("member"));
      String team = group(suite.name("team"), jane, john);
      put.updateDelta(ObjectClass.GROUP, new Uid(team), Set.of(AttributeDeltaBuilder.build("members", List.of(), List.of(jane, john))), none());
      members(team);
    });
  }

  private void rest() {
    suite.operation("delete", "an account", () -> {
      String id = account(suite.name("gone"));
      put.delete(ObjectClass.ACCOUNT, new Uid(id), none());
      equal("the user in Keycloak", suite.user(id), null);
    });
    suite.operation("delete", "an account that is gone: an error", () ->
        fails("", () -> put.delete(ObjectClass.ACCOUNT, new Uid("00000000-0000-4000-8000-000000000000"), none())));
    suite.operation("delete", "a group with a member", () -> {
      String jane = account(suite.name("member"));
      String team = group(suite.name("team"), jane);
      put.delete(ObjectClass.GROUP, new Uid(team), none());
      equal("the group in Keycloak", suite.group(team), null);
      truth("the member is there", suite.user(jane) != null);
    });
    suite.operation("test", "the connection", put::test);
    suite.operation("test", "a wrong token: an error", () -> fails("", () -> connector("PUT", "wrong").test()));
  }

  private static Attribute of(String name, Object... values) {
    return AttributeBuilder.build(name, values);
  }

  private static AttributeDelta set(String name, Object value) {
    return AttributeDeltaBuilder.build(name, List.of(value));
  }

  private static org.identityconnectors.framework.common.objects.OperationOptions none() {
    return new OperationOptionsBuilder().build();
  }

  private String account(String name, Attribute... attributes) {
    Set<Attribute> all = new HashSet<>(List.of(attributes));
    all.add(new Name(name));
    return put.create(ObjectClass.ACCOUNT, all, none()).getUidValue();
  }

  private String group(String name, Object... members) {
    Set<Attribute> all = new HashSet<>(Set.of(new Name(name), of("displayName", name)));
    if (members.length > 0) {
      all.add(of("members", members));
    }
    return put.create(ObjectClass.GROUP, all, none()).getUidValue();
  }

  private static void replace(SCIMv2Connector with, String id, String name, Attribute... attributes) {
    Set<Attribute> all = new HashSet<>(List.of(attributes));
    all.add(new Name(name));
    with.update(ObjectClass.ACCOUNT, new Uid(id), all, none());
  }

  private void change(String id, AttributeDelta... deltas) {
    patch.updateDelta(ObjectClass.ACCOUNT, new Uid(id), Set.of(deltas), none());
  }

  private ConnectorObject read(String id) {
    return query(ObjectClass.ACCOUNT, FilterBuilder.equalTo(new Uid(id)), 0, null).get(0);
  }

  private void found(Filter filter, String id) {
    equal("ids", ids(query(ObjectClass.ACCOUNT, filter, 0, null)), List.of(id));
  }

  private static List<String> ids(List<ConnectorObject> objects) {
    return objects.stream().map(o -> o.getUid().getUidValue()).toList();
  }

  private static String text(ConnectorObject object, String name) {
    Attribute attribute = object.getAttributeByName(name);
    return attribute == null ? null : String.valueOf(attribute.getValue().get(0));
  }

  /** Queries once; the cookie of the next page comes last in cookies, when there is one. */
  private List<ConnectorObject> query(ObjectClass of, Filter filter, int size, List<String> cookies) {
    OperationOptionsBuilder options = new OperationOptionsBuilder().setAttributesToGet(USUAL);
    if (size > 0) {
      options.setPageSize(size);
      if (!cookies.isEmpty()) {
        options.setPagedResultsCookie(cookies.get(cookies.size() - 1));
      }
    }
    List<ConnectorObject> out = new ArrayList<>();
    put.executeQuery(of, filter, new SearchResultsHandler() {
      @Override
      public void handleResult(SearchResult result) {
        if (cookies != null) {
          cookies.add(result.getPagedResultsCookie());
        }
      }

      @Override
      public boolean handle(ConnectorObject object) {
        return out.add(object);
      }
    }, options.build());
    return out;
  }

  private List<String> walk(ObjectClass of, int size) {
    List<String> out = new ArrayList<>();
    List<String> cookies = new ArrayList<>();
    do {
      out.addAll(ids(query(of, null, size, cookies)));
    } while (cookies.get(cookies.size() - 1) != null);
    return out;
  }

  private void members(String id, String... want) throws Exception {
    Set<String> got = new TreeSet<>();
    suite.group(id).path("members").forEach(m -> got.add(m.asText()));
    equal("members in Keycloak", got, new TreeSet<>(List.of(want)));
  }

  private interface Call {
    void run() throws Exception;
  }

  /** Checks that a call fails with a text somewhere in its causes. */
  private static void fails(String text, Call call) {
    try {
      call.run();
    } catch (Exception e) {
      StringBuilder told = new StringBuilder();
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        told.append(cause).append('\n');
      }
      truth(text + " is in " + told, told.toString().contains(text));
      return;
    }
    throw new AssertionError("it does not fail");
  }
}
