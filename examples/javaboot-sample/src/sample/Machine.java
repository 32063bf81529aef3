package sample;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;

/** The JVM and the container around it, in words: what one wants to read first in a log. */
final class Machine {
    private Machine() {}

    static List<String> describe(String title) {
        var runtime = Runtime.getRuntime();
        var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        var virtualMachine = System.getProperty("java.vm.name") + " " + Runtime.version();
        return List.of(
                title,
                "%s on %s, class data %s".formatted(virtualMachine, System.getProperty("os.arch"), sharing()),
                "%d CPUs, %s memory, heap up to %s"
                        .formatted(
                                runtime.availableProcessors(),
                                mebibytes(system.getTotalMemorySize()),
                                mebibytes(runtime.maxMemory())));
    }

    private static String sharing() {
        return System.getProperty("java.vm.info", "").contains("sharing") ? "shared" : "not shared";
    }

    private static String mebibytes(long bytes) {
        return bytes / (1 << 20) + " MiB";
    }
}
