package interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Runs operations and prints one JSON object a line for each: group, operation, outcome (pass, fail, none or
 * fault) and detail. The environment says where the tenant is (SCIM_BASE, SCIM_TOKEN), which domain its
 * addresses have (SCIM_DOMAIN), how many resources a page has at most (SCIM_MAX_RESULTS), and where to ask what Keycloak itself has (WITNESS).
 */
public final class Suite {
  private static final Pattern ESCAPED = Pattern.compile("\\\\u([0-9a-f]{4})");
  public static final ObjectMapper JSON = new ObjectMapper();

  /** The body of an operation; an exception of it is a failure. */
  public interface Step {
    void run() throws Exception;
  }

  public final String base = System.getenv("SCIM_BASE");
  public final String token = System.getenv("SCIM_TOKEN");
  public final String domain = System.getenv("SCIM_DOMAIN");
  public final int mostOfAPage = Integer.parseInt(System.getenv("SCIM_MAX_RESULTS"));

  private final PrintStream out = System.out;
  private final HttpClient http = HttpClient.newHttpClient();
  private int names;

  public Suite() {
    System.setOut(System.err); // libraries log there
  }

  /** Runs an operation. */
  public void operation(String group, String what, Step step) {
    try {
      step.run();
      print(group, what, "pass", "");
    } catch (UnsupportedOperationException e) {
      print(group, what, "none", "");
    } catch (Throwable e) {
      print(group, what, "fail", describe(e));
    }
  }

  /** Runs an operation that fails by a fault of the library, which reason names. */
  public void fault(String group, String what, String reason, Step step) {
    try {
      step.run();
    } catch (Throwable e) {
      System.err.println("expected: " + describe(e));
      print(group, what, "fault", reason);
      return;
    }
    print(group, what, "fail", "passes, though it is listed as a fault of the library: " + reason);
  }

  private static String describe(Throwable e) {
    e.printStackTrace();
    StringBuilder text = new StringBuilder(e.toString());
    for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
      text.append("; ").append(cause);
    }
    return text.toString();
  }

  private void print(String group, String what, String outcome, String detail) {
    ObjectNode line = JSON.createObjectNode();
    line.put("group", group).put("operation", what).put("outcome", outcome).put("detail", detail);
    out.println(line);
    out.flush();
  }

  /** A user name that nobody has, an address of the tenant's domain. */
  public String name(String of) {
    return of + "-" + ++names + "@" + domain;
  }

  /** The user that Keycloak has: userName, email, givenName, familyName, enabled, attributes and groups (ids). */
  public JsonNode user(String id) throws Exception {
    return witness("/users/" + id);
  }

  /** The group that Keycloak has: displayName, attributes and members (ids). */
  public JsonNode group(String id) throws Exception {
    return witness("/groups/" + id);
  }

  /** Null where Keycloak has no such thing. */
  private JsonNode witness(String path) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(URI.create(System.getenv("WITNESS") + path)).build();
    HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() == 404) {
      return null;
    }
    equal("the status of the witness", answer.statusCode(), 200);
    return JSON.readTree(answer.body());
  }

  /** Checks that Keycloak keeps a text among a user's or group's attributes, plain or escaped as in JSON. */
  public static void kept(JsonNode of, String text) {
    truth("Keycloak keeps " + text + " in " + of, of != null && attributes(of).contains(text));
  }

  /** Checks that Keycloak does not keep a text any more. */
  public static void gone(JsonNode of, String text) {
    truth("Keycloak has no " + text + " in " + of, of != null && !attributes(of).contains(text));
  }

  private static String attributes(JsonNode of) {
    StringBuilder out = new StringBuilder();
    for (JsonNode values : of.path("attributes")) {
      values.forEach(v -> out.append(ESCAPED.matcher(v.asText()).replaceAll(m -> Matcher.quoteReplacement(Character.toString(Integer.parseInt(m.group(1), 16))))).append('\n'));
    }
    return out.toString();
  }

  public static void equal(String what, Object got, Object want) {
    Object plain = got instanceof JsonNode node && node.isValueNode() ? (node.isNumber() ? node.numberValue() : node.isBoolean() ? node.booleanValue() : node.asText()) : got;
    if (!Objects.equals(plain, want)) {
      throw new AssertionError(what + " = " + plain + ", want " + want);
    }
  }

  public static void truth(String what, boolean holds) {
    if (!holds) {
      throw new AssertionError("it does not hold that " + what);
    }
  }

  /** Checks that a step is refused with a status and a scimType; null for any. */
  public static void refused(int status, String type, Step step) throws Exception {
    try {
      step.run();
    } catch (Sdk.Refused e) {
      equal("status", e.status, status);
      if (type != null) {
        equal("scimType", e.type, type);
      }
      return;
    }
    throw new AssertionError("it is not refused, want " + status);
  }

  /** Reads JSON written with single quotes. */
  public static ObjectNode object(String text) throws Exception {
    return (ObjectNode) JSON.readTree(text.replace('\'', '"'));
  }

  public static JsonNode value(String text) throws Exception {
    return JSON.readTree(text.replace('\'', '"'));
  }
}
