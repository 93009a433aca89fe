package interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/**
 * What the operations need of a client library. An adapter hands each call to the library's own builders and
 * types, and gives back what the library made of the answer, so that both its requests and its parsing are tried.
 * A call that the library does not have throws UnsupportedOperationException.
 */
public interface Sdk {
  /** The libraries' answer to a status that is no success. */
  final class Refused extends Exception {
    public final int status;
    public final String type;

    public Refused(int status, String type, String detail) {
      super(status + " " + type + ": " + detail);
      this.status = status;
      this.type = type;
    }
  }

  /** How much of a resource is asked for; lists are null where the request does not say. */
  record Read(List<String> attributes, List<String> excluded, String ifNoneMatch) {
    public static final Read ALL = new Read(null, null, null);
  }

  /** A search; what is null or 0 is not sent. */
  record Query(
      boolean post, String filter, String sortBy, boolean descending, int startIndex, int count, List<String> attributes) {
    public static Query of(String filter) {
      return new Query(false, filter, null, false, 0, 0, null);
    }

    public Query posted() {
      return new Query(true, filter, sortBy, descending, startIndex, count, attributes);
    }

    public Query sorted(String by, boolean down) {
      return new Query(post, filter, by, down, startIndex, count, attributes);
    }

    public Query page(int first, int most) {
      return new Query(post, filter, sortBy, descending, first, most, attributes);
    }

    public Query only(String... names) {
      return new Query(post, filter, sortBy, descending, startIndex, count, List.of(names));
    }
  }

  /** A page of a search. */
  record Page(int total, int startIndex, List<JsonNode> resources) {}

  /** An operation of a PATCH; path and value may be null. */
  record Change(String op, String path, JsonNode value) {}

  /** An operation of a bulk request; bulkId and data may be null. */
  record Bulk(String method, String path, String bulkId, JsonNode data) {}

  /** What became of an operation of a bulk request. */
  record Done(int status, String location) {}

  JsonNode serviceProviderConfig() throws Exception;

  List<JsonNode> resourceTypes() throws Exception;

  List<JsonNode> schemas() throws Exception;

  JsonNode create(String endpoint, ObjectNode resource) throws Exception;

  JsonNode get(String endpoint, String id, Read read) throws Exception;

  /** Sends the resource as the new state; its meta.version is the If-Match when conditional. */
  JsonNode replace(String endpoint, ObjectNode resource, boolean conditional) throws Exception;

  /** Gives null where the library hands out nothing after an answer without a body. */
  JsonNode patch(String endpoint, String id, String ifMatch, Change... changes) throws Exception;

  void delete(String endpoint, String id, String ifMatch) throws Exception;

  Page search(String endpoint, Query query) throws Exception;

  /** A walk through all pages, by what the library has for that. */
  List<JsonNode> all(String endpoint, Query query) throws Exception;

  List<Done> bulk(int failOnErrors, Bulk... operations) throws Exception;

  /** The same library with another credential. */
  Sdk as(String token) throws Exception;
}
