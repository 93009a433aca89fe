package interop;

import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.keycloak.scim.protocol.request.PatchRequest;
import org.keycloak.scim.protocol.request.PatchRequest.PatchOperation;
import org.keycloak.scim.protocol.request.SearchRequest;
import org.keycloak.scim.protocol.response.ErrorResponse;
import org.keycloak.scim.protocol.response.ListResponse;
import org.keycloak.scim.resource.ResourceTypeRepresentation;
import org.keycloak.scim.resource.config.ServiceProviderConfig;
import org.keycloak.scim.resource.group.Group;
import org.keycloak.scim.resource.resourcetype.ResourceType;
import org.keycloak.scim.resource.schema.Schema;
import org.keycloak.scim.resource.user.User;
import org.keycloak.util.JsonSerialization;

/**
 * The models of keycloak-scim-core, which has no client of its own: what they write is sent with Java's HTTP client,
 * and what comes back is read into them.
 */
public final class Main implements Sdk {
  private static final ObjectMapper JSON = JsonSerialization.mapper; // Keycloak's own

  private static final Map<String, String> FAULTS = Map.of(
      "ServiceProviderConfig", "its model of an authentication scheme refuses \"primary\", which RFC 7643 section 8.5 shows");

  private final String base;
  private final String token;
  private final HttpClient http = HttpClient.newHttpClient();

  private Main(String base, String token) {
    this.base = base;
    this.token = token;
  }

  public static void main(String[] args) throws Exception {
    Suite suite = new Suite();
    new Operations(suite, new Main(suite.base, suite.token), FAULTS).run();
  }

  @Override
  public Sdk as(String token) {
    return new Main(base, token);
  }

  private static Class<? extends ResourceTypeRepresentation> type(String endpoint) {
    return endpoint.equals("Groups") ? Group.class : User.class;
  }

  /** What the model makes of a resource: attributes that it does not know are lost. */
  private static ResourceTypeRepresentation typed(String endpoint, JsonNode resource) throws Exception {
    return JSON.treeToValue(resource, type(endpoint));
  }

  /** Sends a model and gives the body of the answer, "" for none. */
  private String send(String method, String path, Object body, String... headers) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + "/" + path)).header("Authorization", "Bearer " + token).header("Accept", "application/scim+json");
    if (headers.length > 0) {
      request.headers(headers);
    }
    if (body != null) {
      request.header("Content-Type", "application/scim+json");
    }
    request.method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(JSON.writeValueAsString(body)));
    HttpResponse<String> answer = http.send(request.build(), BodyHandlers.ofString());
    if (answer.statusCode() < 300) {
      return answer.body();
    }
    ErrorResponse error = answer.body().isEmpty() ? new ErrorResponse() : JSON.readValue(answer.body(), ErrorResponse.class);
    throw new Refused(answer.statusCode(), error.getScimType(), error.getDetail());
  }

  private static JsonNode model(String body, Class<?> type) throws Exception {
    return body.isEmpty() ? null : JSON.valueToTree(JSON.readValue(body, type));
  }

  private static Page page(String body, Class<?> of) throws Exception {
    JavaType type = JSON.getTypeFactory().constructParametricType(ListResponse.class, of);
    ListResponse<? extends ResourceTypeRepresentation> list = JSON.readValue(body, type);
    List<JsonNode> resources = new ArrayList<>();
    for (ResourceTypeRepresentation resource : list.getResources() == null ? List.<ResourceTypeRepresentation>of() : list.getResources()) {
      resources.add(JSON.valueToTree(resource));
    }
    return new Page(list.getTotalResults(), list.getStartIndex() == null ? 0 : list.getStartIndex(), resources);
  }

  @Override
  public JsonNode serviceProviderConfig() throws Exception {
    return model(send("GET", "ServiceProviderConfig", null), ServiceProviderConfig.class);
  }

  @Override
  public List<JsonNode> resourceTypes() throws Exception {
    return page(send("GET", "ResourceTypes", null), ResourceType.class).resources();
  }

  @Override
  public List<JsonNode> schemas() throws Exception {
    return page(send("GET", "Schemas", null), Schema.class).resources();
  }

  @Override
  public JsonNode create(String endpoint, ObjectNode resource) throws Exception {
    return model(send("POST", endpoint, typed(endpoint, resource)), type(endpoint));
  }

  @Override
  public JsonNode get(String endpoint, String id, Read read) throws Exception {
    StringBuilder path = new StringBuilder(endpoint + "/" + id);
    if (read.attributes() != null) {
      path.append("?attributes=").append(String.join(",", read.attributes()));
    }
    if (read.excluded() != null) {
      path.append("?excludedAttributes=").append(String.join(",", read.excluded()));
    }
    String[] headers = read.ifNoneMatch() == null ? new String[0] : new String[] {"If-None-Match", read.ifNoneMatch()};
    return model(send("GET", path.toString(), null, headers), type(endpoint));
  }

  private static String[] ifMatch(String version) {
    return version == null ? new String[0] : new String[] {"If-Match", version};
  }

  @Override
  public JsonNode replace(String endpoint, ObjectNode resource, boolean conditional) throws Exception {
    String version = conditional ? resource.at("/meta/version").asText() : null;
    return model(send("PUT", endpoint + "/" + resource.path("id").asText(), typed(endpoint, resource), ifMatch(version)), type(endpoint));
  }

  @Override
  public JsonNode patch(String endpoint, String id, String ifMatch, Change... changes) throws Exception {
    List<PatchOperation> operations = new ArrayList<>();
    for (Change change : changes) {
      PatchOperation operation = new PatchOperation();
      operation.setOp(change.op());
      operation.setPath(change.path());
      operation.setValue(change.value());
      operations.add(operation);
    }
    return model(send("PATCH", endpoint + "/" + id, new PatchRequest(operations), ifMatch(ifMatch)), type(endpoint));
  }

  @Override
  public void delete(String endpoint, String id, String ifMatch) throws Exception {
    send("DELETE", endpoint + "/" + id, null, ifMatch(ifMatch));
  }

  @Override
  public Page search(String endpoint, Query query) throws Exception {
    if (query.post()) {
      SearchRequest.Builder request = SearchRequest.builder().withFilter(query.filter());
      if (query.sortBy() != null) {
        request.withSortBy(query.sortBy()).withSortOrder(query.descending() ? "descending" : "ascending");
      }
      if (query.count() > 0) {
        request.withStartIndex(query.startIndex()).withCount(query.count());
      }
      if (query.attributes() != null) {
        request.withAttributes(query.attributes());
      }
      return page(send("POST", endpoint + "/.search", request.build()), type(endpoint));
    }
    StringBuilder path = new StringBuilder(endpoint + "?filter=" + URLEncoder.encode(query.filter(), StandardCharsets.UTF_8));
    if (query.sortBy() != null) {
      path.append("&sortBy=").append(query.sortBy()).append("&sortOrder=").append(query.descending() ? "descending" : "ascending");
    }
    if (query.count() > 0) {
      path.append("&startIndex=").append(query.startIndex()).append("&count=").append(query.count());
    }
    if (query.attributes() != null) {
      path.append("&attributes=").append(String.join(",", query.attributes()));
    }
    return page(send("GET", path.toString(), null), type(endpoint));
  }

  @Override
  public List<JsonNode> all(String endpoint, Query query) throws Exception {
    List<JsonNode> out = new ArrayList<>();
    for (Page page = search(endpoint, query); ; page = search(endpoint, query.page(out.size() + 1, query.count()))) {
      out.addAll(page.resources());
      if (page.resources().isEmpty() || out.size() >= page.total()) {
        return out;
      }
    }
  }

  @Override
  public List<Done> bulk(int failOnErrors, Bulk... operations) {
    throw new UnsupportedOperationException("it has no models for bulk");
  }
}
