-- sample.sql: Larkspur Outdoor, a made-up retailer of hiking and climbing gear.
--
-- Written for this project as something to ask questions of. The company, its
-- people and its figures are invented. The schema is meant to look lived in:
-- some names are spelled out and some are abbreviated, some tables and columns
-- have comments and some have none, and a piece of an older system is still around.
--
--   sales   customers, catalogue, orders, returns
--   wh      warehouses, stock, purchasing, shipping
--   care    the customer-care desk
--   hr      staff
--   fin     bookkeeping, invoices, payments
--   web     what visitors do in the shop
--
-- Load it into an empty database (PostgreSQL 16 or later, no extension needed):
--
--   psql -v ON_ERROR_STOP=1 -d DATABASE -f sample.sql
--
-- It is one transaction: it loads whole or not at all.

BEGIN;

-- ---------------------------------------------------------------------------
-- Schemas
-- ---------------------------------------------------------------------------

CREATE SCHEMA sales;
CREATE SCHEMA wh;
CREATE SCHEMA care;
CREATE SCHEMA hr;
CREATE SCHEMA fin;
CREATE SCHEMA web;

COMMENT ON SCHEMA sales IS 'Customers, catalogue, orders and returns.';
COMMENT ON SCHEMA wh    IS 'Warehouses: stock, purchasing and shipping.';
COMMENT ON SCHEMA care  IS 'Customer-care desk.';
COMMENT ON SCHEMA fin   IS 'Bookkeeping, invoices and payments.';

-- ---------------------------------------------------------------------------
-- Types and domains
-- ---------------------------------------------------------------------------

CREATE DOMAIN fin.eur_amount AS numeric(12, 2);

CREATE DOMAIN sales.email_address AS text
    CONSTRAINT email_has_at_sign CHECK (VALUE ~ '^[^@\s]+@[^@\s]+$');

CREATE DOMAIN sales.sku_code AS text
    CONSTRAINT sku_shape CHECK (VALUE ~ '^[A-Z]{3}-[0-9]{4}$');

COMMENT ON DOMAIN fin.eur_amount IS 'An amount of money in euros.';
COMMENT ON DOMAIN sales.sku_code IS 'Stock-keeping unit: three letters, a dash, four digits.';

CREATE TYPE sales.order_status AS ENUM (
    'draft', 'placed', 'paid', 'picking', 'shipped', 'delivered', 'cancelled'
);

CREATE TYPE sales.return_reason AS ENUM (
    'wrong_size', 'damaged', 'not_as_described', 'changed_mind', 'late'
);

CREATE TYPE wh.txn_kind AS ENUM (
    'receipt', 'pick', 'transfer', 'adjustment', 'write_off'
);

CREATE TYPE care.ticket_state AS ENUM (
    'open', 'waiting_for_customer', 'escalated', 'solved'
);

CREATE TYPE hr.absence_kind AS ENUM (
    'holiday', 'sick', 'parental', 'unpaid'
);

COMMENT ON TYPE care.ticket_state IS 'Where a case is on its way from first contact to solution.';

CREATE TYPE wh.box_size AS (
    length_cm   numeric,
    width_cm    numeric,
    height_cm   numeric
);

COMMENT ON TYPE wh.box_size IS 'Outer dimensions of a parcel or carton.';

CREATE TYPE wh.temperature_range AS RANGE (
    subtype = numeric,
    multirange_type_name = wh.temperature_multirange
);

-- ---------------------------------------------------------------------------
-- hr: staff
-- ---------------------------------------------------------------------------

CREATE TABLE hr.department (
    dept_cd         text PRIMARY KEY,
    dept_name       text NOT NULL UNIQUE,
    cost_center     text,
    head_emp_no     integer
);

COMMENT ON TABLE hr.department IS 'Organisational units of the company.';
COMMENT ON COLUMN hr.department.dept_cd     IS 'Short code used in badges and reports.';
COMMENT ON COLUMN hr.department.cost_center IS 'Where the costs of the unit are booked.';
COMMENT ON COLUMN hr.department.head_emp_no IS 'Who leads the unit.';

CREATE SEQUENCE hr.emp_no_seq START WITH 1001;

CREATE TABLE hr.emp_mstr (
    emp_no          integer PRIMARY KEY DEFAULT nextval('hr.emp_no_seq'),
    first_name      text NOT NULL,
    last_name       text NOT NULL,
    full_name       text GENERATED ALWAYS AS (first_name || ' ' || last_name) STORED,
    work_email      sales.email_address NOT NULL UNIQUE,
    dept_cd         text NOT NULL REFERENCES hr.department (dept_cd),
    job_title       text NOT NULL,
    mgr_emp_no      integer REFERENCES hr.emp_mstr (emp_no),
    hire_dt         date NOT NULL,
    term_dt         date,
    base_sal        fin.eur_amount,
    fte_pct         numeric(5, 2) NOT NULL DEFAULT 100,
    emerg_cntct     text,
    CONSTRAINT emp_leaves_after_hire CHECK (term_dt IS NULL OR term_dt >= hire_dt),
    CONSTRAINT emp_fte_range CHECK (fte_pct > 0 AND fte_pct <= 100)
);

ALTER SEQUENCE hr.emp_no_seq OWNED BY hr.emp_mstr.emp_no;

ALTER TABLE hr.department
    ADD CONSTRAINT department_head_fk FOREIGN KEY (head_emp_no)
    REFERENCES hr.emp_mstr (emp_no) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON COLUMN hr.emp_mstr.emp_no      IS 'Number on the staff badge.';
COMMENT ON COLUMN hr.emp_mstr.job_title   IS 'As in the contract.';
COMMENT ON COLUMN hr.emp_mstr.mgr_emp_no  IS 'Direct line manager.';
COMMENT ON COLUMN hr.emp_mstr.hire_dt     IS 'First working day.';
COMMENT ON COLUMN hr.emp_mstr.term_dt     IS 'Last day in the company; empty while still working here.';
COMMENT ON COLUMN hr.emp_mstr.base_sal    IS 'Gross yearly pay in euros, without bonus.';
COMMENT ON COLUMN hr.emp_mstr.fte_pct     IS 'Share of a full-time contract, in percent.';
COMMENT ON COLUMN hr.emp_mstr.emerg_cntct IS 'Whom to call if something happens at work.';

CREATE TABLE hr.time_off (
    time_off_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    emp_no          integer NOT NULL REFERENCES hr.emp_mstr (emp_no) ON DELETE CASCADE,
    kind            hr.absence_kind NOT NULL,
    days_away       daterange NOT NULL,
    approved_by     integer REFERENCES hr.emp_mstr (emp_no),
    note            text,
    CONSTRAINT time_off_not_empty CHECK (NOT isempty(days_away))
);

COMMENT ON TABLE hr.time_off IS 'Holidays, sick leave and other absences of staff.';
COMMENT ON COLUMN hr.time_off.kind        IS 'Holiday, sick leave, parental leave or unpaid.';
COMMENT ON COLUMN hr.time_off.days_away   IS 'First day off up to, but not including, the first day back.';
COMMENT ON COLUMN hr.time_off.approved_by IS 'Manager who agreed.';

CREATE TABLE hr.shift_plan (
    emp_no          integer NOT NULL REFERENCES hr.emp_mstr (emp_no),
    shift_date      date NOT NULL,
    starts_at       time NOT NULL,
    ends_at         time NOT NULL,
    site            text NOT NULL,
    PRIMARY KEY (emp_no, shift_date, starts_at)
);

COMMENT ON COLUMN hr.shift_plan.starts_at IS 'Local time.';
COMMENT ON COLUMN hr.shift_plan.site      IS 'Warehouse or office where the shift is worked.';

CREATE TABLE hr.pay_slip (
    emp_no          integer NOT NULL REFERENCES hr.emp_mstr (emp_no),
    pay_month       date NOT NULL,
    gross           fin.eur_amount NOT NULL,
    income_tax      fin.eur_amount NOT NULL,
    soc_ins         fin.eur_amount NOT NULL,
    net_pay         numeric GENERATED ALWAYS AS (gross - income_tax - soc_ins) STORED,
    PRIMARY KEY (emp_no, pay_month),
    CONSTRAINT pay_month_is_first_day CHECK (extract(day FROM pay_month) = 1)
);

COMMENT ON TABLE hr.pay_slip IS 'What each person was paid, month by month.';
COMMENT ON COLUMN hr.pay_slip.pay_month  IS 'Always the first of the month.';
COMMENT ON COLUMN hr.pay_slip.gross      IS 'Before tax and social insurance.';
COMMENT ON COLUMN hr.pay_slip.income_tax IS 'Wage tax withheld for the tax office.';
COMMENT ON COLUMN hr.pay_slip.soc_ins    IS 'Employee share of social insurance.';
COMMENT ON COLUMN hr.pay_slip.net_pay    IS 'Amount transferred to the bank account.';

ALTER TABLE hr.pay_slip ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_pay_slip_only ON hr.pay_slip
    FOR SELECT TO PUBLIC
    USING (emp_no::text = current_setting('app.emp_no', true));

COMMENT ON POLICY own_pay_slip_only ON hr.pay_slip IS 'Everyone may read their own pay slips and nobody else''s.';

CREATE TABLE hr.training_record (
    emp_no          integer NOT NULL REFERENCES hr.emp_mstr (emp_no),
    course          text NOT NULL,
    completed_on    date NOT NULL,
    expires_on      date,
    PRIMARY KEY (emp_no, course, completed_on)
);

COMMENT ON TABLE hr.training_record IS 'Courses and certificates, such as the forklift licence.';
COMMENT ON COLUMN hr.training_record.expires_on IS 'Empty when the certificate never expires.';

-- ---------------------------------------------------------------------------
-- sales: customers, catalogue, orders
-- ---------------------------------------------------------------------------

CREATE TABLE sales.customerloyaltytier (
    tiercode        text PRIMARY KEY,
    tiername        text NOT NULL UNIQUE,
    minyearlyspend  fin.eur_amount NOT NULL,
    discountpercent numeric(4, 1) NOT NULL DEFAULT 0,
    freeshipping    boolean NOT NULL DEFAULT false
);

COMMENT ON COLUMN sales.customerloyaltytier.minyearlyspend  IS 'Spend in the last twelve months needed to get in.';
COMMENT ON COLUMN sales.customerloyaltytier.discountpercent IS 'Taken off every order.';

CREATE TABLE sales.customer (
    cust_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    full_name       text NOT NULL,
    email           sales.email_address NOT NULL,
    phone           text,
    birth_date      date,
    tiercode        text REFERENCES sales.customerloyaltytier (tiercode),
    mktg_opt_in     boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz
);

CREATE UNIQUE INDEX customer_email_key ON sales.customer (lower(email))
    WHERE deleted_at IS NULL;

COMMENT ON TABLE sales.customer IS 'Everyone who has bought something or opened an account.';
COMMENT ON COLUMN sales.customer.full_name   IS 'As given at registration.';
COMMENT ON COLUMN sales.customer.phone       IS 'With country prefix; used by the courier and by care.';
COMMENT ON COLUMN sales.customer.birth_date  IS 'Optional, for the birthday voucher.';
COMMENT ON COLUMN sales.customer.tiercode    IS 'Bonus programme level, recalculated every night.';
COMMENT ON COLUMN sales.customer.mktg_opt_in IS 'Agreed to receive the newsletter.';
COMMENT ON COLUMN sales.customer.deleted_at  IS 'Set when the person asked to be forgotten.';

CREATE TABLE sales.dlv_addr (
    cust_id         bigint NOT NULL REFERENCES sales.customer (cust_id) ON DELETE CASCADE,
    addr_no         smallint NOT NULL,
    recipient       text NOT NULL,
    street          text NOT NULL,
    zip             text NOT NULL,
    city            text NOT NULL,
    ctry_cd         char(2) NOT NULL DEFAULT 'AT',
    dlv_instr       text,
    PRIMARY KEY (cust_id, addr_no)
);

CREATE INDEX dlv_addr_zip_idx ON sales.dlv_addr (ctry_cd, zip);

COMMENT ON COLUMN sales.dlv_addr.addr_no   IS '1 is the default.';
COMMENT ON COLUMN sales.dlv_addr.recipient IS 'Name on the label; may differ from the account holder.';
COMMENT ON COLUMN sales.dlv_addr.zip       IS 'Postcode.';
COMMENT ON COLUMN sales.dlv_addr.ctry_cd   IS 'Two-letter country code.';
COMMENT ON COLUMN sales.dlv_addr.dlv_instr IS 'Hints for the driver, such as a door code or a neighbour.';

CREATE TABLE sales.product_category (
    category_id     integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    parent_id       integer REFERENCES sales.product_category (category_id),
    name            text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (parent_id, name)
);

COMMENT ON TABLE sales.product_category IS 'The tree of departments shown in the shop menu.';
COMMENT ON COLUMN sales.product_category.parent_id IS 'The department above; empty at the top.';

CREATE TABLE sales.product (
    product_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku             sales.sku_code NOT NULL UNIQUE,
    name            text NOT NULL,
    brand           text NOT NULL,
    category_id     integer NOT NULL REFERENCES sales.product_category (category_id),
    description     text,
    attrs           jsonb NOT NULL DEFAULT '{}',
    tags            text[] NOT NULL DEFAULT '{}',
    weight_g        integer CHECK (weight_g > 0),
    warranty_months smallint NOT NULL DEFAULT 24,
    launched_on     date,
    discontinued_on date
);

CREATE INDEX product_attrs_idx ON sales.product USING gin (attrs jsonb_path_ops);
CREATE INDEX product_text_idx ON sales.product
    USING gin (to_tsvector('english', name || ' ' || coalesce(description, '')));

COMMENT ON TABLE sales.product IS 'Articles in the catalogue, without size and colour.';
COMMENT ON COLUMN sales.product.sku             IS 'Article number printed in the catalogue.';
COMMENT ON COLUMN sales.product.brand           IS 'Maker of the article.';
COMMENT ON COLUMN sales.product.attrs           IS 'Technical data that differs by category: water column, rope diameter, fill weight.';
COMMENT ON COLUMN sales.product.tags            IS 'Free labels set by the shop team.';
COMMENT ON COLUMN sales.product.weight_g        IS 'Weight of one piece in grams, unpacked.';
COMMENT ON COLUMN sales.product.warranty_months IS 'How long defects are repaired free of charge.';
COMMENT ON COLUMN sales.product.launched_on     IS 'First day it could be bought.';
COMMENT ON COLUMN sales.product.discontinued_on IS 'Last day it could be bought.';

CREATE TABLE sales.prod_variant (
    variant_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id      integer NOT NULL REFERENCES sales.product (product_id) ON DELETE CASCADE,
    colour          text NOT NULL,
    size_cd         text NOT NULL,
    ean             text UNIQUE,
    UNIQUE (product_id, colour, size_cd)
);

COMMENT ON COLUMN sales.prod_variant.colour  IS 'Name of the colour, in English.';
COMMENT ON COLUMN sales.prod_variant.size_cd IS 'S to XXL for clothing, length for ropes.';
COMMENT ON COLUMN sales.prod_variant.ean     IS 'Bar code on the label.';

CREATE TABLE sales.prc_lst (
    product_id      integer NOT NULL REFERENCES sales.product (product_id),
    valid_from      date NOT NULL,
    valid_to        date,
    gross_prc       fin.eur_amount NOT NULL CHECK (gross_prc >= 0),
    PRIMARY KEY (product_id, valid_from),
    CHECK (valid_to > valid_from)
);

COMMENT ON TABLE sales.prc_lst IS 'Selling price of each article over time, VAT included.';
COMMENT ON COLUMN sales.prc_lst.valid_to  IS 'Exclusive; empty for the current price.';
COMMENT ON COLUMN sales.prc_lst.gross_prc IS 'Euros, VAT included.';

CREATE TABLE sales.promo_cd (
    code            text PRIMARY KEY CHECK (code = upper(code)),
    pct_off         numeric(4, 1) CHECK (pct_off BETWEEN 0 AND 80),
    valid_during    tstzrange NOT NULL,
    max_uses        integer,
    used_cnt        integer NOT NULL DEFAULT 0
);

COMMENT ON COLUMN sales.promo_cd.pct_off  IS 'Discount in percent.';
COMMENT ON COLUMN sales.promo_cd.max_uses IS 'Empty means unlimited.';
COMMENT ON COLUMN sales.promo_cd.used_cnt IS 'How often it has been redeemed.';

CREATE TABLE sales.cust_ord_hdr (
    ord_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ord_ref         text GENERATED ALWAYS AS ('LO-' || lpad(ord_id::text, 7, '0')) STORED,
    cust_id         bigint NOT NULL REFERENCES sales.customer (cust_id),
    addr_no         smallint,
    status          sales.order_status NOT NULL DEFAULT 'placed',
    placed_at       timestamptz NOT NULL DEFAULT now(),
    promised_window tstzrange,
    promo_cd        text REFERENCES sales.promo_cd (code),
    shp_cost        fin.eur_amount NOT NULL DEFAULT 0,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (cust_id, addr_no) REFERENCES sales.dlv_addr (cust_id, addr_no)
);

CREATE INDEX cust_ord_hdr_cust_idx ON sales.cust_ord_hdr (cust_id, placed_at DESC) INCLUDE (status);
CREATE INDEX cust_ord_hdr_to_pick_idx ON sales.cust_ord_hdr (placed_at)
    WHERE status IN ('paid', 'picking');

COMMENT ON TABLE sales.cust_ord_hdr IS 'Orders placed in the shop, one row each; the articles are in cust_ord_ln.';
COMMENT ON COLUMN sales.cust_ord_hdr.ord_ref         IS 'Number printed on the confirmation.';
COMMENT ON COLUMN sales.cust_ord_hdr.status          IS 'Where the order stands.';
COMMENT ON COLUMN sales.cust_ord_hdr.placed_at       IS 'When the buyer pressed the button.';
COMMENT ON COLUMN sales.cust_ord_hdr.promised_window IS 'When the buyer was told the parcel would arrive.';
COMMENT ON COLUMN sales.cust_ord_hdr.promo_cd        IS 'Voucher code entered at checkout.';
COMMENT ON COLUMN sales.cust_ord_hdr.shp_cost        IS 'Shipping charged to the buyer.';

CREATE TABLE sales.cust_ord_ln (
    ord_id          bigint NOT NULL REFERENCES sales.cust_ord_hdr (ord_id) ON DELETE CASCADE,
    ln_no           smallint NOT NULL,
    variant_id      integer NOT NULL REFERENCES sales.prod_variant (variant_id),
    qty             integer NOT NULL CHECK (qty > 0),
    unit_prc        fin.eur_amount NOT NULL,
    disc_pct        numeric(4, 1) NOT NULL DEFAULT 0,
    ln_total        numeric GENERATED ALWAYS AS (round(qty * unit_prc * (1 - disc_pct / 100), 2)) STORED,
    PRIMARY KEY (ord_id, ln_no)
);

COMMENT ON COLUMN sales.cust_ord_ln.unit_prc IS 'Price of one piece at the time of the order.';
COMMENT ON COLUMN sales.cust_ord_ln.disc_pct IS 'Discount on this line, in percent.';
COMMENT ON COLUMN sales.cust_ord_ln.ln_total IS 'Quantity times price, less discount.';

CREATE TABLE sales.rtn_rqst (
    rtn_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ord_id          bigint NOT NULL,
    ln_no           smallint NOT NULL,
    reason          sales.return_reason NOT NULL,
    qty             integer NOT NULL DEFAULT 1 CHECK (qty > 0),
    opened_at       timestamptz NOT NULL DEFAULT now(),
    arrived_at      timestamptz,
    refund_amt      fin.eur_amount,
    FOREIGN KEY (ord_id, ln_no) REFERENCES sales.cust_ord_ln (ord_id, ln_no)
);

COMMENT ON COLUMN sales.rtn_rqst.reason     IS 'Picked from a list by the customer.';
COMMENT ON COLUMN sales.rtn_rqst.arrived_at IS 'When the goods were back in the warehouse.';
COMMENT ON COLUMN sales.rtn_rqst.refund_amt IS 'Paid back, in euros.';

CREATE TABLE sales.product_review (
    cust_id         bigint NOT NULL REFERENCES sales.customer (cust_id),
    product_id      integer NOT NULL REFERENCES sales.product (product_id),
    stars           smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    headline        text,
    body            text,
    written_at      timestamptz NOT NULL DEFAULT now(),
    is_published    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (cust_id, product_id)
);

COMMENT ON COLUMN sales.product_review.stars        IS '1 is poor, 5 is excellent.';
COMMENT ON COLUMN sales.product_review.is_published IS 'Shown in the shop once a colleague has read it.';

CREATE TABLE sales.gift_card (
    card_code       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    bought_by       bigint REFERENCES sales.customer (cust_id),
    face_value      fin.eur_amount NOT NULL CHECK (face_value > 0),
    balance         fin.eur_amount NOT NULL,
    expires_on      date,
    CHECK (balance BETWEEN 0 AND face_value)
);

COMMENT ON TABLE sales.gift_card IS 'Vouchers sold, with what is left on them.';
COMMENT ON COLUMN sales.gift_card.face_value IS 'What it was sold for.';
COMMENT ON COLUMN sales.gift_card.balance    IS 'What can still be spent.';

CREATE TABLE sales."LegacyCustomerMap" (
    "OldCustNo"     varchar(12) PRIMARY KEY,
    "NewCustId"     bigint NOT NULL REFERENCES sales.customer (cust_id),
    "MigratedOn"    date NOT NULL DEFAULT DATE '2021-03-01',
    "Remarks"       text
);

COMMENT ON TABLE sales."LegacyCustomerMap" IS 'Customer numbers of the shop system used until 2021.';
COMMENT ON COLUMN sales."LegacyCustomerMap"."OldCustNo" IS 'Starts with K.';

-- ---------------------------------------------------------------------------
-- wh: warehouses
-- ---------------------------------------------------------------------------

CREATE TABLE wh.warehouse (
    wh_cd           char(3) PRIMARY KEY,
    name            text NOT NULL,
    city            text NOT NULL,
    opened_on       date,
    floor_sqm       integer
);

COMMENT ON COLUMN wh.warehouse.wh_cd     IS 'Three letters, as on the pallets.';
COMMENT ON COLUMN wh.warehouse.floor_sqm IS 'Floor area in square metres.';

CREATE TABLE wh.wh_loc (
    wh_cd           char(3) NOT NULL REFERENCES wh.warehouse (wh_cd),
    aisle           text NOT NULL,
    bay             smallint NOT NULL,
    shelf           smallint NOT NULL,
    max_kg          integer NOT NULL DEFAULT 200,
    inner_size      wh.box_size,
    temp_c          wh.temperature_range,
    is_blocked      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (wh_cd, aisle, bay, shelf)
);

COMMENT ON TABLE wh.wh_loc IS 'Storage places: aisle, bay and shelf.';
COMMENT ON COLUMN wh.wh_loc.aisle      IS 'Letter painted on the floor.';
COMMENT ON COLUMN wh.wh_loc.max_kg     IS 'Highest load the shelf may carry.';
COMMENT ON COLUMN wh.wh_loc.temp_c     IS 'Temperature kept there, for glue, gas and food.';
COMMENT ON COLUMN wh.wh_loc.is_blocked IS 'Not to be used, for example because of damage.';

CREATE TABLE wh.stk_lvl (
    variant_id      integer NOT NULL REFERENCES sales.prod_variant (variant_id),
    wh_cd           char(3) NOT NULL,
    aisle           text NOT NULL,
    bay             smallint NOT NULL,
    shelf           smallint NOT NULL,
    qty_on_hand     integer NOT NULL DEFAULT 0 CHECK (qty_on_hand >= 0),
    qty_rsvd        integer NOT NULL DEFAULT 0,
    reorder_pt      integer,
    PRIMARY KEY (variant_id, wh_cd, aisle, bay, shelf),
    FOREIGN KEY (wh_cd, aisle, bay, shelf) REFERENCES wh.wh_loc (wh_cd, aisle, bay, shelf)
);

COMMENT ON COLUMN wh.stk_lvl.qty_on_hand IS 'Pieces physically on the shelf.';
COMMENT ON COLUMN wh.stk_lvl.qty_rsvd    IS 'Pieces set aside for orders that are not shipped yet.';
COMMENT ON COLUMN wh.stk_lvl.reorder_pt  IS 'Order more once fewer pieces than this are left.';

CREATE SEQUENCE wh.inv_txn_seq;

CREATE TABLE wh.inv_txn (
    txn_id          bigint NOT NULL DEFAULT nextval('wh.inv_txn_seq'),
    txn_date        date NOT NULL,
    kind            wh.txn_kind NOT NULL,
    variant_id      integer NOT NULL REFERENCES sales.prod_variant (variant_id),
    wh_cd           char(3) NOT NULL REFERENCES wh.warehouse (wh_cd),
    qty_delta       integer NOT NULL CHECK (qty_delta <> 0),
    done_by         integer REFERENCES hr.emp_mstr (emp_no),
    PRIMARY KEY (txn_id, txn_date)
) PARTITION BY RANGE (txn_date);

CREATE TABLE wh.inv_txn_2024 PARTITION OF wh.inv_txn
    FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE wh.inv_txn_2025 PARTITION OF wh.inv_txn
    FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE wh.inv_txn_rest PARTITION OF wh.inv_txn DEFAULT;

CREATE INDEX inv_txn_variant_idx ON wh.inv_txn (variant_id, txn_date);

ALTER SEQUENCE wh.inv_txn_seq OWNED BY wh.inv_txn.txn_id;

COMMENT ON TABLE wh.inv_txn IS 'Every movement of goods into, out of and within the warehouses.';
COMMENT ON COLUMN wh.inv_txn.kind      IS 'Receipt, pick, transfer, adjustment or write-off.';
COMMENT ON COLUMN wh.inv_txn.qty_delta IS 'Positive when stock grows, negative when it shrinks.';
COMMENT ON COLUMN wh.inv_txn.done_by   IS 'Who moved the goods.';

CREATE TABLE wh.cyc_cnt (
    wh_cd           char(3) NOT NULL,
    aisle           text NOT NULL,
    bay             smallint NOT NULL,
    shelf           smallint NOT NULL,
    cnt_date        date NOT NULL,
    variant_id      integer NOT NULL REFERENCES sales.prod_variant (variant_id),
    expected_qty    integer NOT NULL,
    counted_qty     integer NOT NULL,
    diff_qty        integer GENERATED ALWAYS AS (counted_qty - expected_qty) STORED,
    PRIMARY KEY (wh_cd, aisle, bay, shelf, cnt_date, variant_id),
    FOREIGN KEY (wh_cd, aisle, bay, shelf) REFERENCES wh.wh_loc (wh_cd, aisle, bay, shelf)
);

COMMENT ON TABLE wh.cyc_cnt IS 'Results of counting shelves by hand.';
COMMENT ON COLUMN wh.cyc_cnt.cnt_date     IS 'Day of the count.';
COMMENT ON COLUMN wh.cyc_cnt.expected_qty IS 'What the system believed.';
COMMENT ON COLUMN wh.cyc_cnt.counted_qty  IS 'What was really there.';
COMMENT ON COLUMN wh.cyc_cnt.diff_qty     IS 'Negative when pieces are missing.';

CREATE TABLE wh.supplier (
    supplier_id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE,
    ctry_cd         char(2) NOT NULL,
    cntct_email     sales.email_address,
    lead_days       integer,
    pay_terms       text DEFAULT 'net 30'
);

COMMENT ON COLUMN wh.supplier.cntct_email IS 'Where orders are sent.';
COMMENT ON COLUMN wh.supplier.lead_days   IS 'Usual number of days from order to arrival.';
COMMENT ON COLUMN wh.supplier.pay_terms   IS 'How soon their bills have to be paid.';

CREATE TABLE wh.purchase_order (
    po_no           integer GENERATED ALWAYS AS IDENTITY (START WITH 50001) PRIMARY KEY,
    supplier_id     integer NOT NULL REFERENCES wh.supplier (supplier_id),
    ordered_on      date NOT NULL,
    due_on          date,
    received_on     date,
    buyer_emp_no    integer REFERENCES hr.emp_mstr (emp_no)
);

COMMENT ON TABLE wh.purchase_order IS 'What we order from suppliers.';
COMMENT ON COLUMN wh.purchase_order.due_on       IS 'Date the supplier confirmed.';
COMMENT ON COLUMN wh.purchase_order.received_on  IS 'Date the goods arrived, empty while open.';
COMMENT ON COLUMN wh.purchase_order.buyer_emp_no IS 'Colleague who ordered.';

CREATE TABLE wh.po_line (
    po_no           integer NOT NULL REFERENCES wh.purchase_order (po_no) ON DELETE CASCADE,
    ln_no           smallint NOT NULL,
    variant_id      integer NOT NULL REFERENCES sales.prod_variant (variant_id),
    qty_ordered     integer NOT NULL,
    qty_received    integer NOT NULL DEFAULT 0,
    unit_cost       fin.eur_amount NOT NULL,
    PRIMARY KEY (po_no, ln_no)
);

COMMENT ON COLUMN wh.po_line.qty_received IS 'Pieces that came and passed inspection.';
COMMENT ON COLUMN wh.po_line.unit_cost    IS 'Purchase price per piece, in euros.';

CREATE TABLE wh.carrier (
    carrier_cd      text PRIMARY KEY,
    name            text NOT NULL,
    tracking_url    text,
    max_parcel      wh.box_size
);

COMMENT ON COLUMN wh.carrier.max_parcel IS 'Largest parcel they accept.';

CREATE TABLE wh.shipment (
    shipment_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ord_id          bigint NOT NULL REFERENCES sales.cust_ord_hdr (ord_id),
    carrier_cd      text NOT NULL REFERENCES wh.carrier (carrier_cd),
    wh_cd           char(3) NOT NULL REFERENCES wh.warehouse (wh_cd),
    tracking_no     text,
    packed_size     wh.box_size,
    weight_kg       numeric(6, 2),
    left_at         timestamptz,
    delivered_at    timestamptz,
    UNIQUE (carrier_cd, tracking_no)
);

COMMENT ON TABLE wh.shipment IS 'Parcels handed to a carrier.';
COMMENT ON COLUMN wh.shipment.tracking_no  IS 'Number for following the parcel on the carrier''s site.';
COMMENT ON COLUMN wh.shipment.weight_kg    IS 'Weight on the scale, packed.';
COMMENT ON COLUMN wh.shipment.left_at      IS 'When the parcel left the warehouse.';
COMMENT ON COLUMN wh.shipment.delivered_at IS 'When it was handed over.';

CREATE TABLE wh.shipment_event (
    shipment_id     bigint NOT NULL REFERENCES wh.shipment (shipment_id) ON DELETE CASCADE,
    happened_at     timestamptz NOT NULL,
    scan_code       text NOT NULL,
    place           text,
    PRIMARY KEY (shipment_id, happened_at)
);

COMMENT ON TABLE wh.shipment_event IS 'Scans reported by the carrier while a parcel is on its way.';
COMMENT ON COLUMN wh.shipment_event.scan_code IS 'Code sent by the carrier.';
COMMENT ON COLUMN wh.shipment_event.place     IS 'Depot or town of the scan.';

-- ---------------------------------------------------------------------------
-- care: customer-care desk
-- ---------------------------------------------------------------------------

CREATE SEQUENCE care.ticket_seq START WITH 7001;

CREATE TABLE care.ticket (
    ticket_id       bigint NOT NULL DEFAULT nextval('care.ticket_seq'),
    channel         text NOT NULL,
    cust_id         bigint REFERENCES sales.customer (cust_id),
    ord_id          bigint REFERENCES sales.cust_ord_hdr (ord_id),
    subject         text NOT NULL,
    state           care.ticket_state NOT NULL DEFAULT 'open',
    prio            smallint NOT NULL DEFAULT 3 CHECK (prio BETWEEN 1 AND 5),
    agent_emp_no    integer REFERENCES hr.emp_mstr (emp_no),
    opened_at       timestamptz NOT NULL DEFAULT now(),
    first_reply_at  timestamptz,
    solved_at       timestamptz,
    PRIMARY KEY (ticket_id, channel)
) PARTITION BY LIST (channel);

CREATE TABLE care.ticket_written PARTITION OF care.ticket FOR VALUES IN ('email', 'web_form');
CREATE TABLE care.ticket_phone   PARTITION OF care.ticket FOR VALUES IN ('phone');
CREATE TABLE care.ticket_chat    PARTITION OF care.ticket FOR VALUES IN ('chat', 'messenger');

CREATE INDEX ticket_open_idx ON care.ticket (prio, opened_at) WHERE state <> 'solved';

ALTER SEQUENCE care.ticket_seq OWNED BY care.ticket.ticket_id;

COMMENT ON TABLE care.ticket IS 'Complaints and questions customers bring to the desk.';
COMMENT ON COLUMN care.ticket.channel        IS 'email, web_form, phone, chat or messenger.';
COMMENT ON COLUMN care.ticket.subject        IS 'What it is about, in one line.';
COMMENT ON COLUMN care.ticket.prio           IS '1 is most urgent, 5 can wait.';
COMMENT ON COLUMN care.ticket.agent_emp_no   IS 'Colleague working on the case.';
COMMENT ON COLUMN care.ticket.first_reply_at IS 'When somebody answered for the first time.';

CREATE TABLE care.ticket_message (
    ticket_id       bigint NOT NULL,
    channel         text NOT NULL,
    msg_no          integer NOT NULL,
    from_customer   boolean NOT NULL,
    body            text NOT NULL,
    sent_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (ticket_id, channel, msg_no),
    FOREIGN KEY (ticket_id, channel) REFERENCES care.ticket (ticket_id, channel) ON DELETE CASCADE
);

COMMENT ON COLUMN care.ticket_message.from_customer IS 'False for messages we sent.';

CREATE TABLE care.csat_resp (
    ticket_id       bigint NOT NULL,
    channel         text NOT NULL,
    score           smallint NOT NULL CHECK (score BETWEEN 1 AND 10),
    remark          text,
    answered_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (ticket_id, channel),
    FOREIGN KEY (ticket_id, channel) REFERENCES care.ticket (ticket_id, channel)
);

COMMENT ON TABLE care.csat_resp IS 'Answers to the satisfaction survey sent after a case is closed.';
COMMENT ON COLUMN care.csat_resp.score  IS '1 is terrible, 10 is great.';
COMMENT ON COLUMN care.csat_resp.remark IS 'Free text, often empty.';

CREATE TABLE care.warranty_claim (
    claim_no        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cust_id         bigint NOT NULL REFERENCES sales.customer (cust_id),
    product_id      integer NOT NULL REFERENCES sales.product (product_id),
    bought_on       date NOT NULL,
    defect          text NOT NULL,
    decision        text CHECK (decision IN ('repair', 'replace', 'refuse')),
    decided_on      date
);

COMMENT ON COLUMN care.warranty_claim.defect   IS 'What broke, in the words of the customer.';
COMMENT ON COLUMN care.warranty_claim.decision IS 'Repair, replace or refuse.';

CREATE TABLE care.kb_article (
    article_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title           text NOT NULL,
    body            text NOT NULL,
    author_emp_no   integer REFERENCES hr.emp_mstr (emp_no),
    helpful_votes   integer NOT NULL DEFAULT 0,
    retired         boolean NOT NULL DEFAULT false
);

COMMENT ON TABLE care.kb_article IS 'Help pages: washing a down jacket, re-proofing a tent, finding the right boot size.';
COMMENT ON COLUMN care.kb_article.helpful_votes IS 'Readers who pressed "this helped".';
COMMENT ON COLUMN care.kb_article.retired       IS 'No longer shown.';

CREATE RULE retire_kb_article AS
    ON DELETE TO care.kb_article
    DO INSTEAD
    UPDATE care.kb_article SET retired = true WHERE article_id = old.article_id;

COMMENT ON RULE retire_kb_article ON care.kb_article IS 'Articles are hidden, never deleted.';

-- ---------------------------------------------------------------------------
-- fin: bookkeeping
-- ---------------------------------------------------------------------------

CREATE TABLE fin.fiscal_period (
    period_cd       text PRIMARY KEY,
    days            daterange NOT NULL,
    closed_at       timestamptz,
    CONSTRAINT fiscal_period_no_overlap EXCLUDE USING gist (days WITH &&)
);

COMMENT ON TABLE fin.fiscal_period IS 'Bookkeeping months.';
COMMENT ON COLUMN fin.fiscal_period.period_cd IS 'Year and month, as in 2025-07.';
COMMENT ON COLUMN fin.fiscal_period.closed_at IS 'Nothing may be posted afterwards.';
COMMENT ON CONSTRAINT fiscal_period_no_overlap ON fin.fiscal_period IS 'A day belongs to one period at most.';

CREATE TABLE fin.ledger_account (
    acct_no         text PRIMARY KEY CHECK (acct_no ~ '^[0-9]{4}$'),
    acct_name       text NOT NULL,
    acct_type       text NOT NULL CHECK (acct_type IN ('asset', 'liability', 'equity', 'income', 'expense'))
);

COMMENT ON COLUMN fin.ledger_account.acct_no IS 'Four digits from the chart of accounts.';

CREATE TABLE fin.gl_jrnl (
    jrnl_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    period_cd       text NOT NULL REFERENCES fin.fiscal_period (period_cd),
    booked_on       date NOT NULL,
    booked_by       integer REFERENCES hr.emp_mstr (emp_no),
    memo            text
);

COMMENT ON TABLE fin.gl_jrnl IS 'General ledger postings; the amounts are in gl_entry.';
COMMENT ON COLUMN fin.gl_jrnl.booked_by IS 'Who entered it.';
COMMENT ON COLUMN fin.gl_jrnl.memo      IS 'Text of the posting.';

CREATE TABLE fin.gl_entry (
    jrnl_id         bigint NOT NULL REFERENCES fin.gl_jrnl (jrnl_id) ON DELETE CASCADE,
    entry_no        smallint NOT NULL,
    acct_no         text NOT NULL REFERENCES fin.ledger_account (acct_no),
    debit           fin.eur_amount NOT NULL DEFAULT 0,
    credit          fin.eur_amount NOT NULL DEFAULT 0,
    PRIMARY KEY (jrnl_id, entry_no),
    CONSTRAINT one_side_only CHECK ((debit = 0) <> (credit = 0))
);

CREATE TABLE fin.vat_rate (
    ctry_cd         char(2) NOT NULL,
    rate_class      text NOT NULL DEFAULT 'standard',
    pct             numeric(4, 2) NOT NULL,
    PRIMARY KEY (ctry_cd, rate_class)
);

COMMENT ON TABLE fin.vat_rate IS 'Value-added tax by country.';
COMMENT ON COLUMN fin.vat_rate.rate_class IS 'Standard, or reduced for books and food.';

CREATE TABLE fin.customer_invoice (
    invoice_no      integer GENERATED BY DEFAULT AS IDENTITY (START WITH 250001) PRIMARY KEY,
    ord_id          bigint NOT NULL UNIQUE REFERENCES sales.cust_ord_hdr (ord_id),
    issued_on       date NOT NULL,
    due_on          date NOT NULL,
    net_amt         fin.eur_amount NOT NULL,
    vat_amt         fin.eur_amount NOT NULL,
    gross_amt       numeric GENERATED ALWAYS AS (net_amt + vat_amt) STORED,
    dunning_level   smallint NOT NULL DEFAULT 0,
    CHECK (due_on >= issued_on)
);

COMMENT ON COLUMN fin.customer_invoice.due_on        IS 'Last day to pay.';
COMMENT ON COLUMN fin.customer_invoice.net_amt       IS 'Without VAT.';
COMMENT ON COLUMN fin.customer_invoice.dunning_level IS 'How many reminders were sent because the money did not arrive.';

CREATE TABLE fin.pmt_rcv (
    pmt_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_no      integer REFERENCES fin.customer_invoice (invoice_no),
    rcvd_on         date NOT NULL,
    amt             fin.eur_amount NOT NULL,
    method          text NOT NULL DEFAULT 'card'
        CHECK (method IN ('card', 'bank_transfer', 'wallet', 'gift_card')),
    psp_ref         text
);

COMMENT ON TABLE fin.pmt_rcv IS 'Money that came in.';
COMMENT ON COLUMN fin.pmt_rcv.rcvd_on IS 'Value date at the bank.';
COMMENT ON COLUMN fin.pmt_rcv.method  IS 'How the buyer paid.';
COMMENT ON COLUMN fin.pmt_rcv.psp_ref IS 'Reference given by the payment service provider.';

-- ---------------------------------------------------------------------------
-- web: behaviour in the shop
-- ---------------------------------------------------------------------------

CREATE TABLE web.visitor_session (
    session_id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    cust_id         bigint REFERENCES sales.customer (cust_id),
    started_at      timestamptz NOT NULL,
    device          text,
    referrer        text,
    utm_campaign    text,
    client_ip       inet
);

COMMENT ON COLUMN web.visitor_session.cust_id      IS 'Empty unless the visitor logged in.';
COMMENT ON COLUMN web.visitor_session.device       IS 'Phone, tablet or desktop.';
COMMENT ON COLUMN web.visitor_session.referrer     IS 'Site the visitor came from.';
COMMENT ON COLUMN web.visitor_session.utm_campaign IS 'Advertising campaign the visitor came from.';
COMMENT ON COLUMN web.visitor_session.client_ip    IS 'Removed after seven days.';

CREATE TABLE web.page_view (
    session_id      uuid NOT NULL REFERENCES web.visitor_session (session_id),
    viewed_at       timestamptz NOT NULL,
    path            text NOT NULL,
    load_ms         integer,
    PRIMARY KEY (session_id, viewed_at)
) PARTITION BY RANGE (viewed_at);

CREATE TABLE web.page_view_2025_q3 PARTITION OF web.page_view
    FOR VALUES FROM ('2025-07-01 00:00+00') TO ('2025-10-01 00:00+00');
CREATE TABLE web.page_view_2025_q4 PARTITION OF web.page_view
    FOR VALUES FROM ('2025-10-01 00:00+00') TO ('2026-01-01 00:00+00');

COMMENT ON COLUMN web.page_view.path    IS 'Without the host name.';
COMMENT ON COLUMN web.page_view.load_ms IS 'How long the page took to appear, in milliseconds.';

CREATE TABLE web.search_log (
    search_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id      uuid REFERENCES web.visitor_session (session_id),
    terms           text NOT NULL,
    hit_count       integer NOT NULL,
    ui_lang         text,
    searched_at     timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX search_log_no_hits_idx ON web.search_log (lower(terms)) WHERE hit_count = 0;

COMMENT ON TABLE web.search_log IS 'What visitors typed into the search box.';
COMMENT ON COLUMN web.search_log.terms     IS 'As typed.';
COMMENT ON COLUMN web.search_log.hit_count IS 'Articles found.';

CREATE TABLE web.basket_item (
    session_id      uuid NOT NULL REFERENCES web.visitor_session (session_id) ON DELETE CASCADE,
    variant_id      integer NOT NULL REFERENCES sales.prod_variant (variant_id),
    qty             integer NOT NULL DEFAULT 1,
    added_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, variant_id)
);

COMMENT ON COLUMN web.basket_item.added_at IS 'When it went into the basket.';

CREATE TABLE web.ab_test (
    test_cd         text PRIMARY KEY,
    hypothesis      text,
    runs_during     daterange NOT NULL,
    winner          text
);

COMMENT ON TABLE web.ab_test IS 'Experiments with two versions of a page.';
COMMENT ON COLUMN web.ab_test.hypothesis IS 'What we expect to happen, and why.';
COMMENT ON COLUMN web.ab_test.winner     IS 'a or b; empty while it runs.';

-- ---------------------------------------------------------------------------
-- Extended statistics
-- ---------------------------------------------------------------------------

CREATE STATISTICS sales.dlv_addr_place (dependencies, ndistinct)
    ON ctry_cd, zip, city FROM sales.dlv_addr;

COMMENT ON STATISTICS sales.dlv_addr_place IS 'A postcode gives away the city and the country.';

-- ---------------------------------------------------------------------------
-- Functions, an aggregate, a procedure
-- ---------------------------------------------------------------------------

CREATE FUNCTION sales.order_total(p_ord_id bigint) RETURNS numeric
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(sum(l.ln_total), 0) + h.shp_cost
    FROM sales.cust_ord_hdr AS h
    LEFT JOIN sales.cust_ord_ln AS l USING (ord_id)
    WHERE h.ord_id = p_ord_id
    GROUP BY h.shp_cost;
END;

COMMENT ON FUNCTION sales.order_total(bigint) IS 'Value of an order: its lines plus shipping.';

CREATE FUNCTION wh.available(p_variant_id integer) RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(sum(qty_on_hand - qty_rsvd), 0)
    FROM wh.stk_lvl
    WHERE variant_id = p_variant_id
$$;

CREATE FUNCTION sales.touch_updated_at() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE FUNCTION fin.refuse_closed_period() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM fin.fiscal_period
        WHERE period_cd = NEW.period_cd AND closed_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'period % is closed', NEW.period_cd;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION fin.refuse_closed_period() IS 'Keeps postings out of months that are already closed.';

CREATE FUNCTION fin.weighted_sum(state numeric[], value numeric, weight numeric) RETURNS numeric[]
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT ARRAY[state[1] + value * weight, state[2] + weight]
$$;

CREATE FUNCTION fin.weighted_result(state numeric[]) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT state[1] / nullif(state[2], 0)
$$;

CREATE AGGREGATE fin.weighted_avg (value numeric, weight numeric) (
    sfunc = fin.weighted_sum,
    stype = numeric[],
    finalfunc = fin.weighted_result,
    initcond = '{0,0}'
);

COMMENT ON AGGREGATE fin.weighted_avg(numeric, numeric) IS 'Average unit cost when quantities differ.';

CREATE PROCEDURE fin.close_period(p_period_cd text)
LANGUAGE plpgsql
AS $$
DECLARE
    v_gap numeric;
BEGIN
    SELECT coalesce(sum(e.debit - e.credit), 0) INTO v_gap
    FROM fin.gl_jrnl AS j
    JOIN fin.gl_entry AS e USING (jrnl_id)
    WHERE j.period_cd = p_period_cd;

    IF v_gap <> 0 THEN
        RAISE EXCEPTION 'period % is out of balance by %', p_period_cd, v_gap;
    END IF;

    UPDATE fin.fiscal_period SET closed_at = now() WHERE period_cd = p_period_cd;
END
$$;

COMMENT ON PROCEDURE fin.close_period(text) IS 'Month-end close; fails when debits and credits differ.';

-- ---------------------------------------------------------------------------
-- Triggers
-- ---------------------------------------------------------------------------

CREATE TRIGGER customer_touch
    BEFORE UPDATE ON sales.customer
    FOR EACH ROW EXECUTE FUNCTION sales.touch_updated_at();

CREATE TRIGGER cust_ord_hdr_touch
    BEFORE UPDATE ON sales.cust_ord_hdr
    FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION sales.touch_updated_at();

CREATE TRIGGER gl_jrnl_open_period
    BEFORE INSERT OR UPDATE OF period_cd ON fin.gl_jrnl
    FOR EACH ROW EXECUTE FUNCTION fin.refuse_closed_period();

-- ---------------------------------------------------------------------------
-- Views
-- ---------------------------------------------------------------------------

CREATE VIEW sales.open_orders AS
    SELECT h.ord_id, h.ord_ref, c.full_name AS customer_name, h.status, h.placed_at,
           sales.order_total(h.ord_id) AS total
    FROM sales.cust_ord_hdr AS h
    JOIN sales.customer AS c USING (cust_id)
    WHERE h.status NOT IN ('delivered', 'cancelled');

COMMENT ON VIEW sales.open_orders IS 'Orders that are not at the customer''s door yet.';

CREATE VIEW hr.staff_directory AS
    SELECT e.emp_no, e.full_name, e.work_email, e.job_title, d.dept_name, m.full_name AS manager
    FROM hr.emp_mstr AS e
    JOIN hr.department AS d USING (dept_cd)
    LEFT JOIN hr.emp_mstr AS m ON m.emp_no = e.mgr_emp_no
    WHERE e.term_dt IS NULL;

CREATE MATERIALIZED VIEW fin.mth_revenue AS
    SELECT date_trunc('month', h.placed_at AT TIME ZONE 'UTC')::date AS month,
           p.brand,
           sum(l.ln_total) AS revenue,
           sum(l.qty) AS pieces
    FROM sales.cust_ord_hdr AS h
    JOIN sales.cust_ord_ln AS l USING (ord_id)
    JOIN sales.prod_variant AS v USING (variant_id)
    JOIN sales.product AS p USING (product_id)
    WHERE h.status <> 'cancelled'
    GROUP BY 1, 2
    WITH NO DATA;

CREATE UNIQUE INDEX mth_revenue_key ON fin.mth_revenue (month, brand);

COMMENT ON MATERIALIZED VIEW fin.mth_revenue IS 'Turnover by month and brand, refreshed every night.';

-- ---------------------------------------------------------------------------
-- Grants
-- ---------------------------------------------------------------------------

GRANT USAGE ON SCHEMA sales, hr TO PUBLIC;
GRANT SELECT ON sales.product, sales.product_category, sales.prod_variant TO PUBLIC;
GRANT SELECT (cust_id, product_id, stars, headline, body) ON sales.product_review TO PUBLIC;
GRANT SELECT ON hr.staff_directory, hr.pay_slip TO PUBLIC;
REVOKE EXECUTE ON PROCEDURE fin.close_period(text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- A little data
-- ---------------------------------------------------------------------------

INSERT INTO hr.department (dept_cd, dept_name, cost_center, head_emp_no) VALUES
    ('EXEC', 'Management',    'C100', 1001),
    ('LOG',  'Logistics',     'C200', 1002),
    ('CARE', 'Customer care', 'C300', 1003),
    ('FIN',  'Finance',       'C400', 1004),
    ('SHOP', 'Online shop',   'C500', 1005);

INSERT INTO hr.emp_mstr (first_name, last_name, work_email, dept_cd, job_title, mgr_emp_no, hire_dt, base_sal)
SELECT (ARRAY['Anna', 'Bela', 'Chiara', 'David', 'Elif'])[1 + i % 5],
       (ARRAY['Huber', 'Novak', 'Rossi', 'Yilmaz'])[1 + i % 4],
       'staff' || i || '@larkspur.example',
       (ARRAY['EXEC', 'LOG', 'CARE', 'FIN', 'SHOP'])[1 + i % 5],
       CASE WHEN i < 5 THEN 'Head of unit' ELSE 'Specialist' END,
       CASE WHEN i = 0 THEN NULL WHEN i < 5 THEN 1001 ELSE 1001 + i % 5 END,
       DATE '2018-01-15' + i * 97,
       36000 + 900 * (i % 11)
FROM generate_series(0, 19) AS i;

INSERT INTO hr.time_off (emp_no, kind, days_away, approved_by)
SELECT 1001 + i,
       (ARRAY['holiday', 'sick', 'holiday', 'parental'])[1 + i % 4]::hr.absence_kind,
       daterange(DATE '2025-06-02' + i * 7, DATE '2025-06-02' + i * 7 + 1 + i % 10),
       1001
FROM generate_series(5, 16) AS i;

INSERT INTO hr.shift_plan (emp_no, shift_date, starts_at, ends_at, site)
SELECT 1002 + 5 * (i % 4), DATE '2025-11-03' + i / 4, TIME '06:00', TIME '14:00', 'LNZ'
FROM generate_series(0, 7) AS i;

INSERT INTO hr.pay_slip (emp_no, pay_month, gross, income_tax, soc_ins)
SELECT emp_no, DATE '2025-10-01', round(base_sal / 14, 2), round(base_sal / 70, 2), round(base_sal / 77, 2)
FROM hr.emp_mstr;

INSERT INTO hr.training_record (emp_no, course, completed_on, expires_on) VALUES
    (1002, 'Forklift licence', '2023-04-12', '2028-04-12'),
    (1007, 'Forklift licence', '2024-09-03', '2029-09-03'),
    (1003, 'Difficult conversations', '2025-02-20', NULL);

INSERT INTO sales.customerloyaltytier (tiercode, tiername, minyearlyspend, discountpercent, freeshipping) VALUES
    ('B', 'Base camp', 0, 0, false),
    ('R', 'Ridge', 400, 3, false),
    ('S', 'Summit', 1200, 7, true);

INSERT INTO sales.customer (full_name, email, phone, birth_date, tiercode, mktg_opt_in, created_at)
SELECT 'Customer ' || i,
       'customer' || i || '@mail.example',
       '+43 660 ' || (1000000 + i * 7919),
       DATE '1960-05-01' + i * 311,
       (ARRAY['B', 'B', 'R', 'S'])[1 + i % 4],
       i % 3 = 0,
       TIMESTAMPTZ '2023-01-10 09:00+00' + i * INTERVAL '11 days'
FROM generate_series(1, 24) AS i;

INSERT INTO sales.dlv_addr (cust_id, addr_no, recipient, street, zip, city, dlv_instr)
SELECT i, 1, 'Customer ' || i, 'Bergweg ' || i,
       (ARRAY['1010', '4020', '6020'])[1 + i % 3],
       (ARRAY['Wien', 'Linz', 'Innsbruck'])[1 + i % 3],
       CASE WHEN i % 8 = 0 THEN 'Leave with the neighbour' END
FROM generate_series(1, 24) AS i;

INSERT INTO sales.product_category (category_id, parent_id, name) VALUES
    (1, NULL, 'Camping'),
    (2, NULL, 'Climbing'),
    (3, NULL, 'Clothing'),
    (4, 1, 'Tents'),
    (5, 1, 'Sleeping bags'),
    (6, 2, 'Ropes'),
    (7, 3, 'Jackets');

INSERT INTO sales.product (sku, name, brand, category_id, description, attrs, tags, weight_g, launched_on) VALUES
    ('TNT-0001', 'Two-person tent',      'Fernleaf', 4, 'Light tent for three seasons.',  '{"water_column_mm": 3000}', '{light,new}',  1900, '2023-03-01'),
    ('TNT-0002', 'Family tent',          'Fernleaf', 4, 'Room for five and the dog.',     '{"water_column_mm": 4000}', '{family}',     9800, '2022-03-01'),
    ('BAG-0001', 'Down sleeping bag',    'Nordvik',  5, 'Warm to minus eight degrees.',   '{"fill_g": 450}',           '{down}',        980, '2021-09-01'),
    ('ROP-0001', 'Single rope 60 m',     'Karst',    6, 'All-round rope, dry treated.',   '{"diameter_mm": 9.5}',      '{}',           3600, '2020-02-01'),
    ('ROP-0002', 'Half rope 60 m',       'Karst',    6, NULL,                             '{"diameter_mm": 8.2}',      '{}',           2800, '2020-02-01'),
    ('JCK-0001', 'Rain jacket',          'Nordvik',  7, 'Three layers, pit zips.',        '{"water_column_mm": 20000}', '{recycled}',   410, '2024-08-15'),
    ('JCK-0002', 'Insulated jacket',     'Fernleaf', 7, 'Synthetic fill, packs small.',   '{"fill_g": 80}',            '{}',            380, '2023-08-15'),
    ('JCK-0003', 'Wind shirt',           'Nordvik',  7, NULL,                             '{}',                        '{light}',       120, '2025-02-01');

INSERT INTO sales.prod_variant (product_id, colour, size_cd, ean)
SELECT p, c, s, '90012340' || lpad((p * 10 + row_number() OVER ())::text, 5, '0')
FROM generate_series(1, 8) AS p, unnest(ARRAY['green', 'grey']) AS c, unnest(ARRAY['M', 'L']) AS s;

INSERT INTO sales.prc_lst (product_id, valid_from, valid_to, gross_prc)
SELECT p, d, d + 365, 40 + 35 * p + CASE WHEN d > DATE '2024-12-31' THEN 5 ELSE 0 END
FROM generate_series(1, 8) AS p, unnest(ARRAY[DATE '2024-01-01', DATE '2025-01-01']) AS d;

INSERT INTO sales.promo_cd (code, pct_off, valid_during, max_uses) VALUES
    ('SUMMIT10', 10, '[2025-06-01 00:00+00, 2025-07-01 00:00+00)', 500),
    ('WELCOME5',  5, '[2025-01-01 00:00+00,)', NULL);

INSERT INTO sales.cust_ord_hdr (cust_id, addr_no, status, placed_at, promised_window, promo_cd, shp_cost)
SELECT 1 + i % 24, 1,
       (ARRAY['delivered', 'delivered', 'shipped', 'paid', 'cancelled'])[1 + i % 5]::sales.order_status,
       t.placed_at,
       tstzrange(t.placed_at + INTERVAL '2 days', t.placed_at + INTERVAL '4 days'),
       CASE WHEN i % 9 = 0 THEN 'WELCOME5' END,
       CASE WHEN i % 4 = 3 THEN 0 ELSE 4.90 END
FROM generate_series(1, 24) AS i,
     LATERAL (SELECT TIMESTAMPTZ '2025-05-01 10:00+00' + i * INTERVAL '7 days') AS t (placed_at);

INSERT INTO sales.cust_ord_ln (ord_id, ln_no, variant_id, qty, unit_prc, disc_pct)
SELECT o, n, 1 + (o * 7 + n * 3) % 32, 1 + (o + n) % 2, 75 + 35 * ((o + n) % 8), CASE WHEN o % 9 = 0 THEN 5 ELSE 0 END
FROM generate_series(1, 24) AS o, generate_series(1, 2) AS n;

INSERT INTO sales.rtn_rqst (ord_id, ln_no, reason, opened_at, refund_amt)
SELECT o, 1, (ARRAY['wrong_size', 'damaged', 'changed_mind'])[1 + o % 3]::sales.return_reason,
       TIMESTAMPTZ '2025-05-12 08:00+00' + o * INTERVAL '7 days', 75
FROM generate_series(5, 20, 5) AS o;

INSERT INTO sales.product_review (cust_id, product_id, stars, headline, is_published)
SELECT c, 1 + c % 8, 1 + (c * 3) % 5, 'Used it for a season', c % 4 <> 0
FROM generate_series(1, 12) AS c;

INSERT INTO sales.gift_card (bought_by, face_value, balance, expires_on) VALUES
    (3, 50, 50, '2027-12-31'),
    (9, 100, 35.10, '2026-12-31');

INSERT INTO sales."LegacyCustomerMap" ("OldCustNo", "NewCustId", "Remarks")
SELECT 'K' || lpad((i * 137)::text, 6, '0'), i, CASE WHEN i % 5 = 0 THEN 'address checked by hand' END
FROM generate_series(1, 10) AS i;

INSERT INTO wh.warehouse (wh_cd, name, city, opened_on, floor_sqm) VALUES
    ('LNZ', 'Main warehouse',  'Linz',  '2016-04-01', 6200),
    ('GRZ', 'South warehouse', 'Graz',  '2022-10-01', 2400);

INSERT INTO wh.wh_loc (wh_cd, aisle, bay, shelf, inner_size, temp_c)
SELECT w, a, b, s, ROW(120, 80, 60)::wh.box_size,
       CASE WHEN a = 'C' THEN wh.temperature_range(5, 20) END
FROM unnest(ARRAY['LNZ', 'GRZ']) AS w, unnest(ARRAY['A', 'B', 'C']) AS a,
     generate_series(1, 2) AS b, generate_series(1, 2) AS s;

INSERT INTO wh.stk_lvl (variant_id, wh_cd, aisle, bay, shelf, qty_on_hand, qty_rsvd, reorder_pt)
SELECT v, CASE WHEN v % 3 = 0 THEN 'GRZ' ELSE 'LNZ' END, (ARRAY['A', 'B', 'C'])[1 + v % 3], 1 + v % 2, 1,
       (v * 13) % 40, v % 3, 10
FROM generate_series(1, 32) AS v;

INSERT INTO wh.inv_txn (txn_date, kind, variant_id, wh_cd, qty_delta, done_by)
SELECT DATE '2024-08-01' + i * 9,
       CASE WHEN i % 3 = 0 THEN 'receipt' ELSE 'pick' END::wh.txn_kind,
       1 + i % 32, 'LNZ',
       CASE WHEN i % 3 = 0 THEN 24 ELSE -1 END,
       1002 + 5 * (i % 4)
FROM generate_series(1, 30) AS i;

INSERT INTO wh.cyc_cnt (wh_cd, aisle, bay, shelf, cnt_date, variant_id, expected_qty, counted_qty)
SELECT 'LNZ', 'A', 1 + i % 2, 1 + i / 2 % 2, DATE '2025-09-30', 1 + i, 12, 12 - i % 3
FROM generate_series(0, 7) AS i;

INSERT INTO wh.supplier (name, ctry_cd, cntct_email, lead_days) VALUES
    ('Fernleaf Tents', 'CZ', 'orders@fernleaf.example', 35),
    ('Nordvik',        'NO', 'b2b@nordvik.example',     28),
    ('Karst Ropes',    'SI', NULL,                      14);

INSERT INTO wh.purchase_order (supplier_id, ordered_on, due_on, received_on, buyer_emp_no)
SELECT 1 + i % 3, DATE '2025-02-01' + i * 20, DATE '2025-03-05' + i * 20,
       CASE WHEN i < 7 THEN DATE '2025-03-07' + i * 20 END, 1002
FROM generate_series(0, 8) AS i;

INSERT INTO wh.po_line (po_no, ln_no, variant_id, qty_ordered, qty_received, unit_cost)
SELECT 50001 + i, n, 1 + (i * 4 + n) % 32, 24, CASE WHEN i < 7 THEN 24 ELSE 0 END, 30 + 12 * n
FROM generate_series(0, 8) AS i, generate_series(1, 2) AS n;

INSERT INTO wh.carrier (carrier_cd, name, max_parcel) VALUES
    ('POST', 'Alpenpost',   ROW(100, 60, 60)::wh.box_size),
    ('BIKE', 'City couriers', ROW(60, 40, 40)::wh.box_size);

INSERT INTO wh.shipment (ord_id, carrier_cd, wh_cd, tracking_no, packed_size, weight_kg, left_at, delivered_at)
SELECT ord_id, 'POST', 'LNZ', 'AP' || (880000 + ord_id), ROW(60, 40, 30)::wh.box_size, 2.5,
       placed_at + INTERVAL '1 day',
       CASE WHEN status = 'delivered' THEN placed_at + INTERVAL '3 days' END
FROM sales.cust_ord_hdr
WHERE status IN ('shipped', 'delivered');

INSERT INTO wh.shipment_event (shipment_id, happened_at, scan_code, place)
SELECT shipment_id, left_at, 'PICKUP', 'Linz' FROM wh.shipment
UNION ALL
SELECT shipment_id, delivered_at, 'HANDOVER', NULL FROM wh.shipment WHERE delivered_at IS NOT NULL;

INSERT INTO care.ticket (channel, cust_id, subject, state, prio, agent_emp_no, opened_at, solved_at)
SELECT (ARRAY['email', 'phone', 'chat', 'web_form'])[1 + i % 4], i,
       (ARRAY['Zip is broken', 'Where is my parcel?', 'Wrong size', 'Invoice address'])[1 + i % 4],
       CASE WHEN i % 5 = 0 THEN 'open' ELSE 'solved' END::care.ticket_state,
       1 + i % 5, 1003 + 5 * (i % 3),
       TIMESTAMPTZ '2025-07-01 07:30+00' + i * INTERVAL '2 days',
       CASE WHEN i % 5 > 0 THEN TIMESTAMPTZ '2025-07-02 12:00+00' + i * INTERVAL '2 days' END
FROM generate_series(1, 15) AS i;

INSERT INTO care.ticket_message (ticket_id, channel, msg_no, from_customer, body, sent_at)
SELECT ticket_id, channel, 1, true, subject, opened_at FROM care.ticket;

INSERT INTO care.csat_resp (ticket_id, channel, score, answered_at)
SELECT ticket_id, channel, 4 + ticket_id % 7, solved_at + INTERVAL '1 day'
FROM care.ticket
WHERE state = 'solved';

INSERT INTO care.warranty_claim (cust_id, product_id, bought_on, defect, decision, decided_on) VALUES
    (4,  1, '2024-05-11', 'Pole snapped in the first wind', 'replace', '2025-06-03'),
    (11, 6, '2024-10-02', 'Seam tape comes off',            'repair',  '2025-08-19'),
    (17, 3, '2023-12-20', 'Down leaks',                     NULL,      NULL);

INSERT INTO care.kb_article (title, body, author_emp_no, helpful_votes) VALUES
    ('Washing a down jacket', 'Cold, special detergent, tennis balls in the dryer.', 1003, 41),
    ('Re-proofing a tent',    'Clean, spray, let it dry in the shade.',              1008, 17);

INSERT INTO fin.fiscal_period (period_cd, days)
SELECT to_char(m, 'YYYY-MM'), daterange(m::date, (m + INTERVAL '1 month')::date)
FROM generate_series(TIMESTAMP '2025-01-01', TIMESTAMP '2025-12-01', INTERVAL '1 month') AS m;

INSERT INTO fin.ledger_account (acct_no, acct_name, acct_type) VALUES
    ('1200', 'Trade receivables', 'asset'),
    ('2800', 'Bank',              'asset'),
    ('3500', 'Value-added tax',   'liability'),
    ('4000', 'Revenue',           'income'),
    ('5000', 'Cost of goods',     'expense');

INSERT INTO fin.gl_jrnl (period_cd, booked_on, booked_by, memo)
SELECT '2025-0' || m, make_date(2025, m, 28), 1004, 'Monthly revenue'
FROM generate_series(5, 9) AS m;

INSERT INTO fin.gl_entry (jrnl_id, entry_no, acct_no, debit, credit)
SELECT j, 1, '1200', 1000 * j, 0 FROM generate_series(1, 5) AS j
UNION ALL
SELECT j, 2, '4000', 0, 1000 * j FROM generate_series(1, 5) AS j;

INSERT INTO fin.vat_rate (ctry_cd, rate_class, pct) VALUES
    ('AT', 'standard', 20),
    ('AT', 'reduced',  10),
    ('DE', 'standard', 19);

INSERT INTO fin.customer_invoice (ord_id, issued_on, due_on, net_amt, vat_amt, dunning_level)
SELECT ord_id, placed_at::date, placed_at::date + 14,
       round(sales.order_total(ord_id) / 1.2, 2),
       sales.order_total(ord_id) - round(sales.order_total(ord_id) / 1.2, 2),
       CASE WHEN ord_id % 13 = 0 THEN 1 ELSE 0 END
FROM sales.cust_ord_hdr
WHERE status <> 'cancelled'
ORDER BY ord_id;

INSERT INTO fin.pmt_rcv (invoice_no, rcvd_on, amt, method)
SELECT invoice_no, issued_on + 1, gross_amt, CASE WHEN invoice_no % 4 = 0 THEN 'bank_transfer' ELSE 'card' END
FROM fin.customer_invoice
WHERE dunning_level = 0;

INSERT INTO web.visitor_session (session_id, cust_id, started_at, device, utm_campaign)
SELECT ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid,
       CASE WHEN i % 2 = 0 THEN i END,
       TIMESTAMPTZ '2025-08-01 18:00+00' + i * INTERVAL '6 days',
       (ARRAY['phone', 'desktop', 'tablet'])[1 + i % 3],
       CASE WHEN i % 6 = 0 THEN 'autumn-hikes' END
FROM generate_series(1, 12) AS i;

INSERT INTO web.page_view (session_id, viewed_at, path, load_ms)
SELECT session_id, started_at + n * INTERVAL '40 seconds', (ARRAY['/', '/tents', '/basket'])[n], 180 + 60 * n
FROM web.visitor_session, generate_series(1, 3) AS n;

INSERT INTO web.search_log (session_id, terms, hit_count, ui_lang, searched_at)
SELECT session_id, (ARRAY['tent', 'snow shoes', 'down jacket', 'kayak'])[1 + n % 4],
       CASE WHEN n % 2 = 1 THEN 0 ELSE 12 END, 'de', started_at + INTERVAL '1 minute'
FROM (SELECT *, row_number() OVER (ORDER BY started_at)::integer AS n FROM web.visitor_session) AS s;

INSERT INTO web.basket_item (session_id, variant_id, qty, added_at)
SELECT session_id, 1 + (extract(day FROM started_at)::integer % 32), 1, started_at + INTERVAL '2 minutes'
FROM web.visitor_session
WHERE cust_id IS NULL;

INSERT INTO web.ab_test (test_cd, hypothesis, runs_during, winner) VALUES
    ('checkout-one-page', 'Fewer steps, fewer people who give up', '[2025-09-01, 2025-10-01)', 'b'),
    ('bigger-photos',     'Larger pictures sell more jackets',     '[2025-11-01, 2025-12-01)', NULL);

REFRESH MATERIALIZED VIEW fin.mth_revenue;

COMMIT;
