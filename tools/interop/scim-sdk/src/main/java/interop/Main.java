package interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import de.captaingoldfish.scim.sdk.client.ScimClientConfig;
import de.captaingoldfish.scim.sdk.client.ScimRequestBuilder;
import de.captaingoldfish.scim.sdk.client.builder.BulkBuilder;
import de.captaingoldfish.scim.sdk.client.builder.ListBuilder;
import de.captaingoldfish.scim.sdk.client.builder.PatchBuilder;
import de.captaingoldfish.scim.sdk.client.response.ServerResponse;
import de.captaingoldfish.scim.sdk.common.constants.enums.HttpMethod;
import de.captaingoldfish.scim.sdk.common.constants.enums.PatchOp;
import de.captaingoldfish.scim.sdk.common.constants.enums.SortOrder;
import de.captaingoldfish.scim.sdk.common.resources.Group;
import de.captaingoldfish.scim.sdk.common.resources.ResourceNode;
import de.captaingoldfish.scim.sdk.common.resources.User;
import de.captaingoldfish.scim.sdk.common.resources.base.ScimObjectNode;
import de.captaingoldfish.scim.sdk.common.response.BulkResponse;
import de.captaingoldfish.scim.sdk.common.response.ListResponse;
import de.captaingoldfish.scim.sdk.common.utils.JsonHelper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** scim-sdk-client, with its own types for users and groups. */
public final class Main implements Sdk {
  private final String base;
  private final ScimRequestBuilder client;

  private Main(String base, String token) {
    this.base = base;
    client = new ScimRequestBuilder(base, ScimClientConfig.builder().httpHeaders(Map.of("Authorization", "Bearer " + token)).build());
  }

  public static void main(String[] args) throws Exception {
    Suite suite = new Suite();
    Main sdk = new Main(suite.base, suite.token);
    new Operations(suite, sdk, Map.of()).run();
    suite.fault("versions", "PATCH with setETagForIfMatch", "its builder sends no If-Match; a header given to sendRequest is sent, and the operations above give it so", () -> {
      JsonNode made = sdk.create("Users", Operations.user(suite.name("etag")));
      String id = made.path("id").asText();
      sdk.patch("Users", id, null, new Change("replace", "title", Suite.value("'First'")));
      var request = sdk.client.patch(User.class, "/Users", id).addOperation().op(PatchOp.REPLACE).path("title").value("Second").build();
      request.setETagForIfMatch(made.at("/meta/version").asText());
      Suite.refused(412, null, () -> answer(request.sendRequest()));
    });
  }

  @Override
  public Sdk as(String token) {
    return new Main(base, token);
  }

  private static Class<? extends ResourceNode> type(String endpoint) {
    return endpoint.equals("Groups") ? Group.class : User.class;
  }

  private static <T extends ScimObjectNode> T answer(ServerResponse<T> response) throws Refused {
    if (response.isSuccess()) {
      return response.getResource();
    }
    var error = response.getErrorResponse();
    throw new Refused(response.getHttpStatus(), error == null ? null : error.getScimType().orElse(null), response.getResponseBody());
  }

  @Override
  public JsonNode serviceProviderConfig() throws Exception {
    return answer(client.loadMetaConfiguration().sendRequest()).getServiceProvider();
  }

  @Override
  public List<JsonNode> resourceTypes() throws Exception {
    return new ArrayList<>(answer(client.loadMetaConfiguration().sendRequest()).getResourceTypes());
  }

  @Override
  public List<JsonNode> schemas() throws Exception {
    return new ArrayList<>(answer(client.loadMetaConfiguration().sendRequest()).getSchemas());
  }

  @Override
  public JsonNode create(String endpoint, ObjectNode resource) throws Exception {
    return answer(client.create(type(endpoint), "/" + endpoint).setResource(typed(endpoint, resource)).sendRequest());
  }

  private static ResourceNode typed(String endpoint, ObjectNode resource) {
    return JsonHelper.readJsonDocument(resource.toString(), type(endpoint));
  }

  @Override
  public JsonNode get(String endpoint, String id, Read read) throws Exception {
    StringBuilder url = new StringBuilder(base + "/" + endpoint + "/" + id);
    if (read.attributes() != null) {
      url.append("?attributes=").append(String.join(",", read.attributes()));
    }
    if (read.excluded() != null) {
      url.append("?excludedAttributes=").append(String.join(",", read.excluded()));
    }
    var request = client.get(url.toString(), type(endpoint));
    if (read.ifNoneMatch() != null) {
      request.setETagForIfNoneMatch(read.ifNoneMatch());
    }
    ServerResponse<? extends ResourceNode> response = request.sendRequest();
    if (response.getHttpStatus() == 304) { // which the library takes for a success without a resource
      throw new Refused(304, null, "not modified");
    }
    return answer(response);
  }

  @Override
  public JsonNode replace(String endpoint, ObjectNode resource, boolean conditional) throws Exception {
    var request = client.update(type(endpoint), "/" + endpoint, resource.path("id").asText()).setResource(typed(endpoint, resource));
    if (conditional) {
      request.setETagForIfMatch(resource.at("/meta/version").asText());
    }
    return answer(request.sendRequest());
  }

  @Override
  public JsonNode patch(String endpoint, String id, String ifMatch, Change... changes) throws Exception {
    Map<String, String> headers = ifMatch == null ? Map.of() : Map.of("If-Match", ifMatch);
    return answer(patch(client.patch(type(endpoint), "/" + endpoint, id), changes).sendRequest(headers));
  }

  private static <T extends ResourceNode> PatchBuilder<T> patch(PatchBuilder<T> request, Change... changes) {
    for (Change change : changes) {
      var operation = request.addOperation().op(PatchOp.getByValue(change.op())).path(change.path());
      if (change.value() != null) {
        operation.valueNode(change.value());
      }
      operation.build();
    }
    return request;
  }

  @Override
  public void delete(String endpoint, String id, String ifMatch) throws Exception {
    var request = client.delete(type(endpoint), "/" + endpoint, id);
    if (ifMatch != null) {
      request.setETagForIfMatch(ifMatch);
    }
    answer(request.sendRequest());
  }

  private <T extends ResourceNode> ListBuilder<T> list(Class<T> type, String endpoint, Query query) {
    ListBuilder<T> request = client.list(type, "/" + endpoint);
    if (query.filter() != null) {
      request.filter(query.filter());
    }
    if (query.sortBy() != null) {
      request.sortBy(query.sortBy()).sortOrder(query.descending() ? SortOrder.DESCENDING : SortOrder.ASCENDING);
    }
    if (query.count() > 0) {
      request.startIndex(query.startIndex()).count(query.count());
    }
    if (query.attributes() != null) {
      request.attributes(query.attributes().toArray(String[]::new));
    }
    return request;
  }

  @Override
  public Page search(String endpoint, Query query) throws Exception {
    return search(type(endpoint), endpoint, query);
  }

  private <T extends ResourceNode> Page search(Class<T> type, String endpoint, Query query) throws Exception {
    ListBuilder<T> request = list(type, endpoint, query);
    ServerResponse<ListResponse<T>> response = query.post() ? request.post().sendRequest() : request.get().sendRequest();
    ListResponse<T> list = answer(response);
    return new Page((int) list.getTotalResults(), (int) list.getStartIndex(), new ArrayList<>(list.getListedResources()));
  }

  /** A count would bound the walk as a whole. */
  @Override
  public List<JsonNode> all(String endpoint, Query query) throws Exception {
    ListBuilder<User> request = client.list(User.class, "/" + endpoint).filter(query.filter()).sortBy(query.sortBy());
    return new ArrayList<>(answer(request.get().getAll()).getListedResources());
  }

  @Override
  public List<Done> bulk(int failOnErrors, Bulk... operations) throws Exception {
    BulkBuilder request = client.bulk();
    if (failOnErrors > 0) {
      request.failOnErrors(failOnErrors);
    }
    for (Bulk operation : operations) {
      var next = request.bulkRequestOperation(operation.path()).method(HttpMethod.valueOf(operation.method()));
      if (operation.bulkId() != null) {
        next.bulkId(operation.bulkId());
      }
      if (operation.data() != null) {
        next.data(operation.data());
      }
      next.next();
    }
    BulkResponse response = answer(request.sendRequest());
    return response.getBulkResponseOperations().stream().map(o -> new Done(o.getStatus(), o.getLocation().orElse(""))).toList();
  }
}
