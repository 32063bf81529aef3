package sample;

import java.util.Map;

/** Who is answering: what the image and the platform told this process through its environment. */
record App(String name, String version, String pod, String environment) {
    static App fromEnvironment(Map<String, String> values) {
        return new App(
                values.getOrDefault("APP_NAME", "javaboot-sample"),
                values.getOrDefault("APP_VERSION", "dev"),
                values.getOrDefault("HOSTNAME", "this machine"),
                values.getOrDefault("APP_ENV", "none"));
    }
}
