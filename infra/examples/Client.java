// A client in Java: sends texts to a task, and prints the label of each as it comes.
//
// Needs kafka-clients and jackson-databind on the classpath, and a JDK from 17 on:
// java -cp 'JARS/*' Client.java BOOTSTRAP_SERVERS PREFIX TASK TEXT...

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Client {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LONGEST_WAIT = 60;

    public static void main(String[] arguments) throws Exception {
        String servers = arguments[0], prefix = arguments[1], task = arguments[2];
        Map<String, String> asked = new HashMap<>();
        for (String text : Arrays.copyOfRange(arguments, 3, arguments.length)) {
            asked.put(UUID.randomUUID().toString(), text);
        }
        // Labels of aborted transactions are no labels. There is no group: each run reads from now on.
        Map<String, Object> reading = Map.of(
            "bootstrap.servers", servers, "isolation.level", "read_committed", "enable.auto.commit", false);
        Map<String, Object> writing = Map.of("bootstrap.servers", servers);
        try (var consumer = new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer());
             var producer = new KafkaProducer<>(writing, new StringSerializer(), new StringSerializer())) {
            var partitions = consumer.partitionsFor(prefix + ".labels").stream()
                .map(each -> new TopicPartition(each.topic(), each.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToEnd(partitions);
            partitions.forEach(consumer::position); // seeks now, not at the first poll
            for (var each : asked.entrySet()) {
                String request = JSON.writeValueAsString(
                    Map.of("id", each.getKey(), "task", task, "text", each.getValue()));
                producer.send(new ProducerRecord<>(prefix + ".requests", each.getKey(), request));
            }
            producer.flush();
            long due = System.nanoTime() + LONGEST_WAIT * 1_000_000_000L;
            while (!asked.isEmpty() && System.nanoTime() < due) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    JsonNode label = JSON.readTree(record.value());
                    String id = label.path("id").asText();
                    if (!asked.containsKey(id)) {
                        continue;
                    }
                    if (label.path("source").asText().equals("error")) {
                        System.err.println("no label yet: " + label.path("error").asText()); // one may follow
                    } else {
                        System.out.println(label.path("label").asText() + "\t" + asked.remove(id));
                        due = System.nanoTime() + LONGEST_WAIT * 1_000_000_000L;
                    }
                }
            }
        }
        asked.forEach((id, text) ->
            System.err.println("no label within " + LONGEST_WAIT + " s of the last: " + id + "\t" + text));
        if (!asked.isEmpty()) {
            System.err.println("a request that was refused is a dead letter: `understudy dead-letters list`");
        }
        System.exit(asked.isEmpty() ? 0 : 1);
    }
}
