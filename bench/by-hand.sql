-- What a database engineer would write for this database without a tool: one group a table, each in one transaction, and
-- a last one that puts the new columns in the place of the old ones. It is run as it stands here, group after group, each
-- between BEGIN and COMMIT; a group that is the victim of a deadlock is run again.
--
-- It is written with care: one pass over each table whatever the number of its references, no index on a shadow column
-- before the column is filled, the mapping filled before its key is built, statistics taken before they are needed, all
-- tables locked at the beginning of the last group in one order, rows that came since their table's group caught up with there.
-- maintenance_work_mem is that of the server, as on the other side.
--
-- What it does not do: see a reference that a client changed after its table's group. Comparing every row again would
-- find it, with all clients locked out for as long as that takes; scripts of this kind catch up with nulls.

-- group: accounts
-- the default is volatile: this writes the table and its indexes anew under ACCESS EXCLUSIVE
alter table accounts add column uuid_id uuid not null default gen_random_uuid(), add column parent_uuid uuid;
create table account_keys as select account_id as old_id, uuid_id as new_id from accounts;
alter table account_keys add primary key (old_id);
create unique index account_keys_new_id on account_keys (new_id);
analyze account_keys;
grant select on account_keys to bench_app;
update accounts a set parent_uuid = k.new_id from account_keys k where k.old_id = a.parent_id;
create unique index accounts_uuid_id on accounts (uuid_id);
create index accounts_parent_uuid on accounts (parent_uuid);
analyze accounts;

-- group: settings
alter table settings add column account_uuid uuid;
update settings s set account_uuid = k.new_id from account_keys k where k.old_id = s.account_id;
create unique index settings_account_uuid on settings (account_uuid);
analyze settings;

-- group: orders
alter table orders add column account_uuid uuid, add column approver_uuid uuid;
update orders o set account_uuid = f.account_uuid, approver_uuid = f.approver_uuid
from (
  select s.order_id, a.new_id as account_uuid, p.new_id as approver_uuid
  from orders s
  join account_keys a on a.old_id = s.account_id
  left join account_keys p on p.old_id = s.approver_id
) f
where f.order_id = o.order_id;
create index orders_account_uuid on orders (account_uuid, created_at);
create index orders_open_approver_uuid on orders (approver_uuid) where state = 'open';
analyze orders;

-- group: payments
alter table payments add column account_uuid uuid;
update payments p set account_uuid = k.new_id from account_keys k where k.old_id = p.account_id;
create index payments_account_uuid on payments (account_uuid) include (amount);
analyze payments;

-- group: memberships
alter table memberships add column account_uuid uuid, add column peer_uuid uuid;
update memberships m set account_uuid = f.account_uuid, peer_uuid = f.peer_uuid
from (
  select s.account_id, s.peer_id, a.new_id as account_uuid, p.new_id as peer_uuid
  from memberships s
  join account_keys a on a.old_id = s.account_id
  join account_keys p on p.old_id = s.peer_id
) f
where f.account_id = m.account_id and f.peer_id = m.peer_id;
create unique index memberships_uuid on memberships (account_uuid, peer_uuid);
create index memberships_peer_uuid on memberships (peer_uuid);
analyze memberships;

-- group: cutover
lock table memberships, payments, orders, settings, accounts in access exclusive mode;

-- rows that came since their table's group
insert into account_keys select account_id, uuid_id from accounts on conflict do nothing;
update accounts a set parent_uuid = k.new_id from account_keys k where k.old_id = a.parent_id and a.parent_uuid is null;
update settings s set account_uuid = k.new_id from account_keys k where k.old_id = s.account_id and s.account_uuid is null;
update orders o set account_uuid = k.new_id from account_keys k where k.old_id = o.account_id and o.account_uuid is null;
update orders o set approver_uuid = k.new_id from account_keys k where k.old_id = o.approver_id and o.approver_uuid is null;
update payments p set account_uuid = k.new_id from account_keys k where k.old_id = p.account_id and p.account_uuid is null;
update memberships m set account_uuid = k.new_id from account_keys k where k.old_id = m.account_id and m.account_uuid is null;
update memberships m set peer_uuid = k.new_id from account_keys k where k.old_id = m.peer_id and m.peer_uuid is null;

-- constraints and indexes on integers
alter table accounts drop constraint accounts_parent_id_fkey;
alter table settings drop constraint settings_account_id_fkey, drop constraint settings_account_id_key;
alter table orders drop constraint orders_account_id_fkey, drop constraint orders_approver_id_fkey;
alter table payments drop constraint payments_account_id_fkey;
alter table memberships drop constraint memberships_account_id_fkey, drop constraint memberships_peer_id_fkey, drop constraint memberships_pkey;
alter table accounts drop constraint accounts_pkey;
drop index accounts_parent_id, orders_account_id, orders_open_approver, payments_account_id, memberships_peer_id;

-- names
alter table accounts rename column account_id to old_account_id;
alter table accounts rename column uuid_id to account_id;
alter table accounts rename column parent_id to old_parent_id;
alter table accounts rename column parent_uuid to parent_id;
alter table settings rename column account_id to old_account_id;
alter table settings rename column account_uuid to account_id;
alter table orders rename column account_id to old_account_id;
alter table orders rename column account_uuid to account_id;
alter table orders rename column approver_id to old_approver_id;
alter table orders rename column approver_uuid to approver_id;
alter table payments rename column account_id to old_account_id;
alter table payments rename column account_uuid to account_id;
alter table memberships rename column account_id to old_account_id;
alter table memberships rename column account_uuid to account_id;
alter table memberships rename column peer_id to old_peer_id;
alter table memberships rename column peer_uuid to peer_id;
alter table settings alter column old_account_id drop not null;
alter table orders alter column old_account_id drop not null;
alter table payments alter column old_account_id drop not null;
alter table memberships alter column old_account_id drop not null, alter column old_peer_id drop not null;

-- keys and constraints on UUIDs
alter table accounts add constraint accounts_pkey primary key using index accounts_uuid_id;
alter table settings alter column account_id set not null, add constraint settings_account_id_key unique using index settings_account_uuid;
alter table orders alter column account_id set not null;
alter table payments alter column account_id set not null;
alter table memberships add constraint memberships_pkey primary key using index memberships_uuid;
alter index accounts_parent_uuid rename to accounts_parent_id;
alter index orders_account_uuid rename to orders_account_id;
alter index orders_open_approver_uuid rename to orders_open_approver;
alter index payments_account_uuid rename to payments_account_id;
alter index memberships_peer_uuid rename to memberships_peer_id;
alter table accounts add constraint accounts_parent_id_fkey foreign key (parent_id) references accounts;
alter table settings add constraint settings_account_id_fkey foreign key (account_id) references accounts on delete cascade;
alter table orders add constraint orders_account_id_fkey foreign key (account_id) references accounts;
alter table orders add constraint orders_approver_id_fkey foreign key (approver_id) references accounts on delete set null;
alter table payments add constraint payments_account_id_fkey foreign key (account_id) references accounts;
alter table memberships add constraint memberships_account_id_fkey foreign key (account_id) references accounts on delete cascade;
alter table memberships add constraint memberships_peer_id_fkey foreign key (peer_id) references accounts on delete cascade;
