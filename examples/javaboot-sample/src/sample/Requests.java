package sample;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Around every request: counts it, measures it, writes its line of JSON, and turns a failure into a 500.
 *
 * <p>The query is left out of the log, since that is where people put tokens.
 */
final class Requests extends Filter {
    private static final long QUIET_MS = 100;

    private final Metrics metrics;
    private final PrintStream log;
    private final AtomicInteger inFlight = new AtomicInteger();

    Requests(Metrics metrics, PrintStream log) {
        this.metrics = metrics;
        this.log = log;
    }

    int inFlight() {
        return inFlight.get();
    }

    /** Waits until nothing was in flight for a moment (a request may just be on its way here); returns what is. */
    int awaitQuiet(long limitMs) {
        var end = System.nanoTime() + limitMs * 1_000_000;
        var quietSince = System.nanoTime();
        try {
            while (System.nanoTime() < end && System.nanoTime() - quietSince < QUIET_MS * 1_000_000) {
                Thread.sleep(10);
                quietSince = inFlight.get() == 0 ? quietSince : System.nanoTime();
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        return inFlight.get();
    }

    @Override
    public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
        var started = System.nanoTime();
        metrics.inFlight(inFlight.incrementAndGet());
        Exception failure = null;
        try {
            chain.doFilter(exchange);
        } catch (IOException error) {
            failure = error; // the client went away before it had its answer
        } catch (RuntimeException error) {
            failure = error;
            if (exchange.getResponseCode() == -1) {
                Routes.send(exchange, 500, "text/plain", "something failed here; the log says what\n");
            }
        } finally {
            exchange.close();
            var seconds = (System.nanoTime() - started) / 1e9;
            metrics.record(exchange.getRequestMethod(), Routes.label(exchange), exchange.getResponseCode(), seconds);
            write(exchange, seconds, failure);
            metrics.inFlight(inFlight.decrementAndGet());
        }
    }

    private void write(HttpExchange exchange, double seconds, Exception failure) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("time", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
        line.put("level", failure == null ? "info" : failure instanceof IOException ? "warn" : "error");
        line.put("method", exchange.getRequestMethod());
        line.put("path", exchange.getRequestURI().getPath());
        line.put("status", exchange.getResponseCode());
        line.put("ms", Math.round(seconds * 1e5) / 100.0);
        line.put("client", exchange.getRemoteAddress().getAddress().getHostAddress());
        if (failure != null) {
            line.put("error", failure.toString());
        }
        if (failure instanceof RuntimeException) {
            line.put("stack", stack(failure));
        }
        var bytes = (Json.write(line) + "\n").getBytes(StandardCharsets.UTF_8);
        log.write(bytes, 0, bytes.length);
        log.flush();
    }

    private static String stack(Exception failure) {
        var text = new StringWriter();
        failure.printStackTrace(new PrintWriter(text, true));
        return text.toString();
    }

    @Override
    public String description() {
        return "log, metrics and failures of every request";
    }
}
