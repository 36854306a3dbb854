import com.hivemq.embedded.EmbeddedHiveMQ;
import java.nio.file.Path;

/**
 * HiveMQ in a folder. An embedded one lets everybody in: for what listeners do, where the extension with users and rules
 * is not at hand.
 */
public class Open {
    public static void main(String[] args) {
        var home = Path.of(args[0]);
        EmbeddedHiveMQ.builder()
                .withConfigurationFolder(home.resolve("conf"))
                .withDataFolder(home.resolve("data"))
                .withExtensionsFolder(home.resolve("extensions"))
                .build().start().join();
    }
}
