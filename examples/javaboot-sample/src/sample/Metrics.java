package sample;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Counts what happens and tells it in the Prometheus text format. Labels come from a bounded set only. */
final class Metrics {
    private static final double[] BOUNDS = {0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
    private static final Map<String, String> METHODS = Map.of("GET", "GET", "HEAD", "HEAD", "POST", "POST");

    private final App app;
    private final Map<String, Long> totals = new TreeMap<>();
    private final Map<String, Latency> latencies = new TreeMap<>();
    private volatile int inFlight;

    private static final class Latency {
        final long[] buckets = new long[BOUNDS.length];
        long count;
        double sum;
    }

    Metrics(App app) {
        this.app = app;
    }

    void inFlight(int now) {
        inFlight = now;
    }

    synchronized void record(String method, String path, int status, double seconds) {
        var labels = "method=\"%s\",path=\"%s\",status=\"%d\""
                .formatted(METHODS.getOrDefault(method, "other"), path, status);
        totals.merge(labels, 1L, Long::sum);
        var latency = latencies.computeIfAbsent("path=\"" + path + "\"", key -> new Latency());
        latency.count++;
        latency.sum += seconds;
        for (var i = 0; i < BOUNDS.length; i++) {
            latency.buckets[i] += seconds <= BOUNDS[i] ? 1 : 0;
        }
    }

    /** The page that Prometheus scrapes. */
    String text() {
        var out = new StringBuilder(4_096);
        describeApp(out);
        describeRequests(out);
        describeMemory(out);
        describeRuntime(out);
        return out.toString();
    }

    private void describeApp(StringBuilder out) {
        head(out, "app_info", "gauge", "What is running; always 1.");
        var labels = "app=\"%s\",version=\"%s\",runtime=\"Java %s\"";
        line(out, "app_info", labels.formatted(escape(app.name()), escape(app.version()), Runtime.version()), 1);
        var runtime = ManagementFactory.getRuntimeMXBean();
        single(out, "process_uptime_seconds", "gauge", "Time since the JVM started.", runtime.getUptime() / 1e3);
        single(out, "process_start_time_seconds", "gauge", "Start, Unix time.", runtime.getStartTime() / 1e3);
    }

    private synchronized void describeRequests(StringBuilder out) {
        head(out, "http_requests_total", "counter", "Requests answered.");
        totals.forEach((labels, count) -> line(out, "http_requests_total", labels, count));
        head(out, "http_request_duration_seconds", "histogram", "Time from the first line to the last byte.");
        latencies.forEach((labels, latency) -> describeLatency(out, labels, latency));
        single(out, "http_requests_in_flight", "gauge", "Requests being answered now.", inFlight);
    }

    private static void describeLatency(StringBuilder out, String labels, Latency latency) {
        var name = "http_request_duration_seconds";
        for (var i = 0; i < BOUNDS.length; i++) {
            line(out, name + "_bucket", labels + ",le=\"" + number(BOUNDS[i]) + "\"", latency.buckets[i]);
        }
        line(out, name + "_bucket", labels + ",le=\"+Inf\"", latency.count);
        line(out, name + "_sum", labels, latency.sum);
        line(out, name + "_count", labels, latency.count);
    }

    private static void describeMemory(StringBuilder out) {
        var memory = ManagementFactory.getMemoryMXBean();
        var areas = Map.of("heap", memory.getHeapMemoryUsage(), "nonheap", memory.getNonHeapMemoryUsage());
        head(out, "jvm_memory_used_bytes", "gauge", "Memory that the JVM uses.");
        areas.forEach((area, usage) -> line(out, "jvm_memory_used_bytes", area(area), usage.getUsed()));
        head(out, "jvm_memory_committed_bytes", "gauge", "Memory that the JVM holds.");
        areas.forEach((area, usage) -> line(out, "jvm_memory_committed_bytes", area(area), usage.getCommitted()));
        head(out, "jvm_memory_max_bytes", "gauge", "The most it may take; -1: no limit.");
        areas.forEach((area, usage) -> line(out, "jvm_memory_max_bytes", area(area), usage.getMax()));
    }

    private static void describeRuntime(StringBuilder out) {
        var collectors = ManagementFactory.getGarbageCollectorMXBeans();
        head(out, "jvm_gc_collections_total", "counter", "Garbage collections.");
        collectors.forEach(gc -> line(out, "jvm_gc_collections_total", gc(gc.getName()), gc.getCollectionCount()));
        head(out, "jvm_gc_seconds_total", "counter", "Time spent in garbage collections.");
        collectors.forEach(gc -> line(out, "jvm_gc_seconds_total", gc(gc.getName()), gc.getCollectionTime() / 1e3));
        var threads = ManagementFactory.getThreadMXBean();
        single(out, "jvm_threads_current", "gauge", "Live threads.", threads.getThreadCount());
        var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        var cpu = system.getProcessCpuTime() / 1e9;
        single(out, "process_cpu_seconds_total", "counter", "CPU time used.", cpu);
    }

    private static String area(String name) {
        return "area=\"" + name + "\"";
    }

    private static String gc(String name) {
        return "gc=\"" + escape(name) + "\"";
    }

    private static void single(StringBuilder out, String name, String kind, String help, double value) {
        head(out, name, kind, help);
        line(out, name, "", value);
    }

    private static void head(StringBuilder out, String name, String kind, String help) {
        out.append("# HELP ").append(name).append(' ').append(help).append('\n');
        out.append("# TYPE ").append(name).append(' ').append(kind).append('\n');
    }

    private static void line(StringBuilder out, String name, String labels, double value) {
        out.append(name);
        if (!labels.isEmpty()) {
            out.append('{').append(labels).append('}');
        }
        out.append(' ').append(number(value)).append('\n');
    }

    private static String number(double value) {
        var whole = (long) value;
        return whole == value ? Long.toString(whole) : Double.toString(value).toLowerCase(Locale.ROOT);
    }

    private static String escape(String text) {
        return text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
    }
}
