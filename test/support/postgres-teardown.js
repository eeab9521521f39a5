export default async function tearDownPostgres() {
  await globalThis.testPostgres?.remove();
}
