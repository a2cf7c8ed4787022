import { atEveryStep, founded } from './founded.js';

const plan = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - { phase: orders, tables: [orders] }
`;
const schema = `
create table orders (id serial primary key, label text not null unique);
create table lines (order_id integer not null references orders deferrable, n integer not null);
`;

describe('A client that defers a foreign key by its name', () => {
  const at = founded(plan, (database) => database.sql(schema));

  let round = 0;
  /** The child first: its order's key is taken beforehand. */
  async function childFirst(): Promise<void> {
    round += 1;
    const client = await at.database.app();
    const { rows } = await client.query(`insert into orders (label) values ($1) returning id`, [
      `taken ${round}`,
    ]);
    const { id } = rows[0];
    await client.query('delete from orders where id = $1', [id]);
    const line = () => client.query('insert into lines (order_id, n) values ($1, $2)', [id, round]);
    await expect(line()).rejects.toMatchObject({ code: '23503' });
    await client.query('begin; set constraints lines_order_id_fkey deferred');
    await line();
    await client.query('insert into orders (id, label) values ($1, $2)', [id, `made ${round}`]);
    await client.query('commit');
    // and it is refused in the end where nobody makes the parent
    await client.query('begin; set constraints lines_order_id_fkey deferred');
    await client.query('delete from orders where label = $1', [`made ${round}`]);
    await expect(client.query('commit')).rejects.toMatchObject({ code: '23503' });
    await client.end();
    const [joined] = await at.database.sql(
      'select o.label from lines l join orders o on o.id = l.order_id where l.n = $1',
      [round],
    );
    expect(joined).toEqual({ label: `made ${round}` });
  }

  it('has it deferred at every step, and refused at once where it does not defer it, there and back', async () => {
    await atEveryStep(at, 'orders', childFirst);
  }, 60_000);
});
