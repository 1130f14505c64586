import java.util.Arrays;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import software.amazon.dynamodb.services.local.main.ServerRunner;
import software.amazon.dynamodb.services.local.server.DynamoDBProxyServer;

/**
 * Starts DynamoDB Local where only this machine reaches it.
 *
 * <p>Its command line has an option for the port but none for the address, and listens on every
 * interface. So the server is made by DynamoDB Local itself and moved before it starts: to the
 * loopback address, and to a free port, which is printed.
 */
public final class DynamoDbLocalOnLoopback {
  public static void main(String[] arguments) throws Exception {
    DynamoDBProxyServer dynamoDb = ServerRunner.createServerFromCommandLineArgs(arguments);
    ServerConnector connector = onlyConnector(dynamoDb);
    connector.setHost("127.0.0.1");
    connector.setPort(0);
    dynamoDb.safeStart(); // start() would also send telemetry
    System.out.println("endpoint http://127.0.0.1:" + connector.getLocalPort());
    dynamoDb.join();
  }

  private static ServerConnector onlyConnector(DynamoDBProxyServer dynamoDb) throws Exception {
    var field = DynamoDBProxyServer.class.getDeclaredField("server");
    field.setAccessible(true);
    var connectors = ((Server) field.get(dynamoDb)).getConnectors();
    if (connectors.length != 1) {
      throw new IllegalStateException("expected one connector: " + Arrays.toString(connectors));
    }
    return (ServerConnector) connectors[0];
  }
}
