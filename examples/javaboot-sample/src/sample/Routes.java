package sample;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** What the service answers, one path a case. */
final class Routes implements HttpHandler {
    private static final int SLOWEST_MS = 30_000;
    private static final Set<String> PATHS = Set.of("/", "/health", "/prometheus", "/slow", "/error");

    private final App app;
    private final Metrics metrics;
    private final String page;

    Routes(App app, Metrics metrics) throws IOException {
        this.app = app;
        this.metrics = metrics;
        try (InputStream file = Routes.class.getResourceAsStream("page.html")) {
            this.page = fill(new String(file.readAllBytes(), StandardCharsets.UTF_8), facts());
        }
    }

    /** The path as a label of metrics: only known ones, since a stranger could ask for a million others. */
    static String label(HttpExchange exchange) {
        var path = exchange.getRequestURI().getPath();
        return path != null && PATHS.contains(path) ? path : "other";
    }

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        var method = exchange.getRequestMethod();
        if (!method.equals("GET") && !method.equals("HEAD")) {
            exchange.getResponseHeaders().set("Allow", "GET, HEAD");
            send(exchange, 405, "text/plain", "only GET and HEAD are answered here\n");
            return;
        }
        switch (label(exchange)) {
            case "/" -> home(exchange);
            case "/health" -> send(exchange, 200, "application/json", Json.write(Map.of("status", "UP")) + "\n");
            case "/prometheus" -> send(exchange, 200, "text/plain; version=0.0.4", metrics.text());
            case "/slow" -> slow(exchange);
            case "/error" -> throw new IllegalStateException("you asked for an error, and this is one");
            default -> send(exchange, 404, "text/plain", "not here; try / /health /prometheus /slow?ms=500 /error\n");
        }
    }

    /** Sends a whole answer; without its body to HEAD. Text is UTF-8. */
    static void send(HttpExchange exchange, int status, String type, String body) throws IOException {
        var bytes = body.getBytes(StandardCharsets.UTF_8);
        var head = exchange.getRequestMethod().equals("HEAD");
        exchange.getRequestBody().readAllBytes();
        exchange.getResponseHeaders().set("Content-Type", type + (type.contains("json") ? "" : "; charset=utf-8"));
        exchange.sendResponseHeaders(status, head ? -1 : bytes.length);
        if (!head) {
            exchange.getResponseBody().write(bytes);
        }
    }

    private void home(HttpExchange exchange) throws IOException {
        var accepted = exchange.getRequestHeaders().getFirst("Accept");
        if (accepted != null && accepted.contains("text/html")) {
            send(exchange, 200, "text/html", page);
        } else {
            send(exchange, 200, "application/json", Json.write(facts()) + "\n");
        }
    }

    private void slow(HttpExchange exchange) throws IOException {
        var query = exchange.getRequestURI().getQuery();
        var ms = query == null ? 1_000 : milliseconds(query);
        if (ms < 0) {
            send(exchange, 400, "text/plain", "ms must be a number from 0 to " + SLOWEST_MS + ": /slow?ms=500\n");
            return;
        }
        try {
            Thread.sleep(ms);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        send(exchange, 200, "application/json", Json.write(Map.of("slept_ms", ms)) + "\n");
    }

    private static int milliseconds(String query) {
        return query.matches("ms=\\d{1,5}") && Integer.parseInt(query.substring(3)) <= SLOWEST_MS
                ? Integer.parseInt(query.substring(3))
                : -1;
    }

    private Map<String, String> facts() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("app", app.name());
        facts.put("version", app.version());
        facts.put("pod", app.pod());
        facts.put("env", app.environment());
        facts.put("runtime", "Java " + Runtime.version());
        return facts;
    }

    private static String fill(String template, Map<String, String> facts) {
        var text = template;
        for (var fact : facts.entrySet()) {
            text = text.replace("{{" + fact.getKey() + "}}", escape(fact.getValue()));
        }
        return text;
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }
}
