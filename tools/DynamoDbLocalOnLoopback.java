import java.util.Arrays;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import software.amazon.dynamodb.services.local.main.ServerRunner;
import software.amazon.dynamodb.services.local.server.DynamoDBProxyServer;

/**
 * Starts DynamoDB Local on the loopback address and prints its URL.
 *
 * <p>The command line of DynamoDB Local has no option for the address and listens on every
 * interface. This program creates the server through DynamoDB Local and sets the loopback address
 * and a free port before it starts the server.
 */
public final class DynamoDbLocalOnLoopback {
  public static void main(String[] arguments) throws Exception {
    DynamoDBProxyServer dynamoDb = ServerRunner.createServerFromCommandLineArgs(arguments);
    ServerConnector connector = getConnector(dynamoDb);
    connector.setHost("127.0.0.1");
    connector.setPort(0);
    dynamoDb.safeStart(); // start() also sends telemetry
    System.out.println("endpoint http://127.0.0.1:" + connector.getLocalPort());
    dynamoDb.join();
  }

  private static ServerConnector getConnector(DynamoDBProxyServer dynamoDb) throws Exception {
    var field = DynamoDBProxyServer.class.getDeclaredField("server");
    field.setAccessible(true);
    var connectors = ((Server) field.get(dynamoDb)).getConnectors();
    if (connectors.length != 1) {
      throw new IllegalStateException("expected one connector: " + Arrays.toString(connectors));
    }
    return (ServerConnector) connectors[0];
  }
}
