package interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.unboundid.scim2.client.ScimService;
import com.unboundid.scim2.client.requests.SearchRequestBuilder;
import com.unboundid.scim2.common.BaseScimResource;
import com.unboundid.scim2.common.Path;
import com.unboundid.scim2.common.ScimResource;
import com.unboundid.scim2.common.bulk.BulkOperation;
import com.unboundid.scim2.common.exceptions.ScimException;
import com.unboundid.scim2.common.messages.ListResponse;
import com.unboundid.scim2.common.messages.PatchOpType;
import com.unboundid.scim2.common.messages.PatchOperation;
import com.unboundid.scim2.common.messages.PatchRequest;
import com.unboundid.scim2.common.messages.SortOrder;
import com.unboundid.scim2.common.types.GroupResource;
import com.unboundid.scim2.common.types.UserResource;
import com.unboundid.scim2.common.utils.JsonUtils;
import jakarta.ws.rs.client.Client;
import jakarta.ws.rs.client.ClientBuilder;
import jakarta.ws.rs.client.ClientRequestFilter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.glassfish.jersey.apache5.connector.Apache5ConnectorProvider;
import org.glassfish.jersey.client.ClientConfig;

/** UnboundID's SCIM 2 SDK over Jersey, with its own types for users and groups. */
public final class Main implements Sdk {
  private final String base;
  private final ScimService client;

  private Main(String base, String token) {
    this.base = base;
    Client http = ClientBuilder.newClient(new ClientConfig().connectorProvider(new Apache5ConnectorProvider())).register((ClientRequestFilter) request -> request.getHeaders().putSingle("Authorization", "Bearer " + token));
    client = new ScimService(http.target(base));
  }

  public static void main(String[] args) throws Exception {
    Suite suite = new Suite();
    new Operations(suite, new Main(suite.base, suite.token), Map.of()).run();
  }

  @Override
  public Sdk as(String token) {
    return new Main(base, token);
  }

  private static Class<? extends BaseScimResource> type(String endpoint) {
    return endpoint.equals("Groups") ? GroupResource.class : UserResource.class;
  }

  private static ScimResource typed(String endpoint, JsonNode resource) {
    return JsonUtils.getObjectReader().forType(type(endpoint)).readValue(resource.toString());
  }

  private static tools.jackson.databind.JsonNode theirs(JsonNode value) {
    return JsonUtils.getObjectReader().readTree(value.toString());
  }

  private static JsonNode ours(Object value) throws Exception {
    return value == null ? null : Suite.JSON.readTree(JsonUtils.getObjectWriter().writeValueAsString(value));
  }

  private static List<JsonNode> ours(Iterable<?> values) throws Exception {
    List<JsonNode> out = new ArrayList<>();
    for (Object value : values) {
      out.add(ours(value));
    }
    return out;
  }

  private interface Call<T> {
    T send() throws ScimException;
  }

  private static <T> T answer(Call<T> call) throws Refused {
    try {
      return call.send();
    } catch (ScimException e) {
      var error = e.getScimError();
      throw new Refused(error.getStatus(), error.getScimType(), error.getDetail());
    }
  }

  @Override
  public JsonNode serviceProviderConfig() throws Exception {
    return ours(answer(client::getServiceProviderConfig));
  }

  @Override
  public List<JsonNode> resourceTypes() throws Exception {
    return ours((Iterable<?>) answer(client::getResourceTypes));
  }

  @Override
  public List<JsonNode> schemas() throws Exception {
    return ours((Iterable<?>) answer(client::getSchemas));
  }

  @Override
  public JsonNode create(String endpoint, ObjectNode resource) throws Exception {
    return ours(answer(() -> client.create(endpoint, typed(endpoint, resource))));
  }

  @Override
  public JsonNode get(String endpoint, String id, Read read) throws Exception {
    var request = client.retrieveRequest(endpoint, id);
    if (read.attributes() != null) {
      request.attributes(read.attributes().toArray(String[]::new));
    }
    if (read.excluded() != null) {
      request.excludedAttributes(read.excluded().toArray(String[]::new));
    }
    if (read.ifNoneMatch() != null) {
      request.ifNoneMatch(read.ifNoneMatch());
    }
    return ours(answer(() -> request.invoke(type(endpoint))));
  }

  @Override
  public JsonNode replace(String endpoint, ObjectNode resource, boolean conditional) throws Exception {
    var request = client.replaceRequest(typed(endpoint, resource));
    if (conditional) {
      request.ifMatch();
    }
    return ours(answer(request::invoke));
  }

  @Override
  public JsonNode patch(String endpoint, String id, String ifMatch, Change... changes) throws Exception {
    var request = client.modifyRequest(endpoint, id);
    for (Change change : changes) {
      request.addOperation(operation(change));
    }
    if (ifMatch != null) {
      request.ifMatch(ifMatch);
    }
    return ours(answer(() -> request.invoke(type(endpoint))));
  }

  private static PatchOperation operation(Change change) throws Exception {
    PatchOpType op = PatchOpType.valueOf(change.op().toUpperCase(Locale.ROOT));
    Path path = change.path() == null ? null : Path.fromString(change.path());
    if (op != PatchOpType.REMOVE) {
      return PatchOperation.create(op, path, theirs(change.value()));
    }
    PatchOperation remove = PatchOperation.remove(path);
    return change.value() == null ? remove : remove.setRemoveOpValue(theirs(change.value()));
  }

  @Override
  public void delete(String endpoint, String id, String ifMatch) throws Exception {
    var request = client.deleteRequest(endpoint, id);
    if (ifMatch != null) {
      request.ifMatch(ifMatch);
    }
    answer(() -> {
      request.invoke();
      return null;
    });
  }

  private SearchRequestBuilder request(String endpoint, Query query) {
    SearchRequestBuilder request = client.searchRequest(endpoint);
    if (query.filter() != null) {
      request.filter(query.filter());
    }
    if (query.sortBy() != null) {
      request.sort(query.sortBy(), query.descending() ? SortOrder.DESCENDING : SortOrder.ASCENDING);
    }
    if (query.attributes() != null) {
      request.attributes(query.attributes().toArray(String[]::new));
    }
    return request;
  }

  @Override
  public Page search(String endpoint, Query query) throws Exception {
    SearchRequestBuilder request = request(endpoint, query);
    if (query.count() > 0) {
      request.page(query.startIndex(), query.count());
    }
    ListResponse<?> list = answer(() -> query.post() ? request.invokePost(type(endpoint)) : request.invoke(type(endpoint)));
    return new Page(list.getTotalResults(), list.getStartIndex() == null ? 0 : list.getStartIndex(), ours((Iterable<?>) list));
  }

  @Override
  public List<JsonNode> all(String endpoint, Query query) throws Exception {
    List<JsonNode> out = new ArrayList<>();
    ListResponse<?> page = answer(() -> request(endpoint, query).firstPageCursorWithCount(query.count()).invoke(type(endpoint)));
    out.addAll(ours((Iterable<?>) page));
    while (page.getNextCursor() != null) {
      String cursor = page.getNextCursor();
      page = answer(() -> request(endpoint, query).pageWithCursor(cursor, query.count()).invoke(type(endpoint)));
      out.addAll(ours((Iterable<?>) page));
    }
    return out;
  }

  @Override
  public List<Done> bulk(int failOnErrors, Bulk... operations) throws Exception {
    var request = client.bulkRequest();
    for (Bulk operation : operations) {
      String endpoint = operation.path().startsWith("/Groups") ? "Groups" : "Users";
      BulkOperation next = switch (operation.method()) {
        case "POST" -> BulkOperation.post(operation.path(), typed(endpoint, operation.data()));
        case "PUT" -> BulkOperation.put(operation.path(), typed(endpoint, operation.data()));
        case "PATCH" -> BulkOperation.patch(operation.path(), JsonUtils.getObjectReader().forType(PatchRequest.class).<PatchRequest>readValue(operation.data().toString()).getOperations());
        default -> BulkOperation.delete(operation.path());
      };
      request.append(operation.bulkId() == null ? next : next.setBulkId(operation.bulkId()));
    }
    List<Done> out = new ArrayList<>();
    answer(request::invoke).forEach(r -> out.add(new Done(r.getStatusInt(), r.getLocation() == null ? "" : r.getLocation())));
    return out;
  }
}
