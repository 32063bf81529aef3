package sample;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

/**
 * Starts the service and ends it well.
 *
 * <p>PORT (default 8080) and HOST (default 127.0.0.1; the image says 0.0.0.0) say where it listens. SIGTERM
 * stops listening, lets the requests in flight finish for at most {@link #DRAIN_MS}, and exits with 0.
 */
public final class Main {
    private static final long DRAIN_MS = 4_500;

    private Main() {}

    public static void main(String[] arguments) throws IOException {
        // Without it an answer on a kept connection waits up to 40 ms for the acknowledgement of its head.
        System.setProperty("sun.net.httpserver.nodelay", "true");
        System.setProperty("sun.net.httpserver.maxReqTime", "10");
        var app = App.fromEnvironment(System.getenv());
        Machine.describe(app.name() + " " + app.version() + " starting").forEach(System.out::println);

        var address = new InetSocketAddress(setting("HOST", "127.0.0.1"), port());
        var metrics = new Metrics(app);
        var requests = new Requests(metrics, System.out);
        var server = listen(address);
        server.createContext("/", new Routes(app, metrics)).getFilters().add(requests);
        server.setExecutor(Executors.newCachedThreadPool());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server, requests), "shutdown"));
        server.start();

        var uptime = ManagementFactory.getRuntimeMXBean().getUptime();
        System.out.printf(
                "listening on %s:%d, ready in %d ms%n",
                address.getHostString(), server.getAddress().getPort(), uptime);
    }

    private static HttpServer listen(InetSocketAddress address) throws IOException {
        try {
            return HttpServer.create(address, 1024);
        } catch (BindException error) {
            throw refuse("cannot listen on " + address + ": " + error.getMessage() + "; set PORT to a free port");
        }
    }

    private static void stop(HttpServer server, Requests requests) {
        System.out.printf("stopping: no longer listening, %d requests in flight%n", requests.inFlight());
        var closer = new Thread(() -> server.stop((int) (DRAIN_MS / 1000) + 1), "closer");
        closer.setDaemon(true); // HttpServer.stop waits its whole time when nothing is in flight
        closer.start();
        var unfinished = requests.awaitQuiet(DRAIN_MS);
        System.out.println(unfinished == 0 ? "stopped" : "stopped with " + unfinished + " requests unfinished");
        System.out.flush();
        Runtime.getRuntime().halt(0); // otherwise the JVM reports the signal, 143, as if it had failed
    }

    private static int port() {
        var text = setting("PORT", "8080");
        try {
            var port = Integer.parseInt(text);
            if (port >= 0 && port <= 65_535) {
                return port;
            }
        } catch (NumberFormatException error) {
            // said below, together with numbers out of range
        }
        throw refuse("PORT must be a number from 0 to 65535, not \"" + text + "\"");
    }

    private static String setting(String name, String otherwise) {
        var value = System.getenv(name);
        return value == null || value.isBlank() ? otherwise : value.strip();
    }

    private static IllegalStateException refuse(String reason) {
        System.err.println(reason);
        Runtime.getRuntime().halt(2);
        return new IllegalStateException(reason);
    }
}
