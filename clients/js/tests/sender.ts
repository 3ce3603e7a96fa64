// A program that sends 100,000 events to the daemon whose address it is given, and may be killed: the name of its
// producer and the numbers of its events are the same each time.

import { Client } from "../src/index.js";

const [url, stream] = process.argv.slice(2);
const producer = new Client({ url: url! }).producer(stream!, { producer: "sender" });
for (let i = 0; i < 100_000; i++) {
  await producer.send({ page: `/p${(i * i) % 7}`, ms: 20 + (i % 9) }, { key: `user-${i % 5}` });
}
await producer.close();
