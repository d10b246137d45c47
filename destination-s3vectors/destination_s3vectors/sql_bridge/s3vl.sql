-- S3 Vectors in SQL: the schema s3vl, version 1.1, for PostgreSQL 16 or newer with the extension aws_lambda.
--
--     psql -v ON_ERROR_STOP=1 --single-transaction -f s3vl.sql
--
-- It may be run again: tables are kept, functions are replaced, grants stay. An older version is upgraded in place by the
-- scripts in upgrade/, run before this file. Whoever runs it owns the functions, which run with the owner's rights: it
-- needs EXECUTE on aws_lambda.invoke, and nothing else.

CREATE SCHEMA IF NOT EXISTS s3vl;
REVOKE ALL ON SCHEMA s3vl FROM PUBLIC;

CREATE TABLE IF NOT EXISTS s3vl.version (
    version text PRIMARY KEY,
    installed_at timestamptz NOT NULL DEFAULT now()
);

DO $$
DECLARE
    found text := (SELECT v.version FROM s3vl.version v ORDER BY string_to_array(v.version, '.')::int[] DESC LIMIT 1);
BEGIN
    IF string_to_array(found, '.')::int[] > ARRAY[1, 1] THEN
        RAISE EXCEPTION 's3vl: the schema has version %, this file is 1.1', found
            USING ERRCODE = '55000', HINT = 'Take the file of the newer release.';
    ELSIF found <> '1.1' THEN
        RAISE EXCEPTION 's3vl: the schema has version %, this file is 1.1', found
            USING ERRCODE = '55000', HINT = format('Run upgrade/%s--….sql first, in the same transaction.', found);
    END IF;
END $$;

-- Tables ------------------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS s3vl.config (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    lambda_arn text NOT NULL,
    aws_region text NOT NULL,
    timeout_seconds int NOT NULL CHECK (timeout_seconds BETWEEN 1 AND 900),
    allow_unregistered boolean NOT NULL DEFAULT false,
    last_validation_status text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS s3vl.index_registry (
    index_name text PRIMARY KEY CHECK (index_name ~ '^[a-zA-Z][a-zA-Z0-9_-]{1,63}$'),
    index_arn text UNIQUE,
    description text,
    bucket_name text,
    region text,
    account_id text,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    shards text[], -- of a logical index, in the place of index_arn and what that says: the ARNs of its indexes
    embedding jsonb, -- {"fingerprint": …, "options": {…}}: what embeds the questions that are text
    CHECK ((index_arn IS NULL) = (shards IS NOT NULL))
);

CREATE TABLE IF NOT EXISTS s3vl.index_grant (
    index_name text NOT NULL REFERENCES s3vl.index_registry ON DELETE CASCADE,
    role_name text NOT NULL, -- a name, so that a dump can be restored elsewhere
    may_write boolean NOT NULL DEFAULT false,
    PRIMARY KEY (index_name, role_name)
);

-- What is still to be put or deleted, in the order of the changes; `failure` says why the service refused it.
CREATE TABLE IF NOT EXISTS s3vl.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    index_name text NOT NULL REFERENCES s3vl.index_registry ON DELETE CASCADE,
    vector_id text NOT NULL,
    embedding float8[], -- null: delete
    metadata jsonb,
    enqueued_at timestamptz NOT NULL DEFAULT now(),
    failure text
);
CREATE INDEX IF NOT EXISTS outbox_of_vector ON s3vl.outbox (index_name, vector_id, id);

-- What the functions share ------------------------------------------------------------------------------------------

-- The SQLSTATE of what the Lambda function reports, https://www.postgresql.org/docs/current/errcodes-appendix.html
CREATE OR REPLACE FUNCTION s3vl._sqlstate(kind text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE kind
        WHEN 'missing' THEN '42704'     -- undefined_object: no such index or bucket
        WHEN 'invalid' THEN '22023'     -- invalid_parameter_value
        WHEN 'denied' THEN '42501'      -- insufficient_privilege, of the function's role
        WHEN 'sign_in' THEN '28000'     -- invalid_authorization_specification
        WHEN 'throttled' THEN '53400'   -- configuration_limit_exceeded: slower, or later
        WHEN 'quota' THEN '53400'
        WHEN 'timeout' THEN '57014'     -- query_canceled
        WHEN 'too_large' THEN '54000'   -- program_limit_exceeded
        WHEN 'conflict' THEN '55006'    -- object_in_use
        WHEN 'key' THEN '55000'         -- object_not_in_prerequisite_state: the KMS key
        WHEN 'model' THEN '55000'       -- no embedding model, or not one alone, or not set up
        WHEN 'unsupported' THEN '0A000' -- feature_not_supported
        WHEN 'unavailable' THEN '58000' -- system_error: outside of PostgreSQL
        ELSE '38000'                    -- external_routine_exception
    END
$$;

-- Who calls: inside of these functions current_user is their owner.
CREATE OR REPLACE FUNCTION s3vl._caller() RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN current_setting('role') = 'none' THEN session_user ELSE current_setting('role')::name END
$$;

-- The owner may do all, a role what was granted to it or to a role it is in, or to PUBLIC.
CREATE OR REPLACE FUNCTION s3vl._may(index_name text, writing boolean) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_has_role(s3vl._caller(), (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 's3vl'), 'USAGE')
        OR EXISTS (
            SELECT FROM s3vl.index_grant g LEFT JOIN pg_roles r ON r.rolname = g.role_name
            WHERE g.index_name = _may.index_name AND (g.may_write OR NOT _may.writing)
                AND (lower(g.role_name) = 'public' OR pg_has_role(s3vl._caller(), r.oid, 'USAGE'))
        )
$$;

-- The ARN of an index that the caller may use, or those of its shards. `routine` begins the messages.
CREATE OR REPLACE FUNCTION s3vl._index(routine text, index_name text, index_arn text, writing boolean) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found s3vl.index_registry;
    whole text;
BEGIN
    IF (index_name IS NULL) = (index_arn IS NULL) THEN
        RAISE EXCEPTION 's3vl.%: expected either index_name or index_arn, got %', routine,
            CASE WHEN index_name IS NULL THEN 'none' ELSE 'both' END USING ERRCODE = '22023';
    END IF;
    SELECT * INTO found FROM s3vl.index_registry r
        WHERE r.index_name = _index.index_name OR r.index_arn = _index.index_arn;
    IF found.index_name IS NULL THEN
        -- A shard is what its logical index is: whoever may not use that, may not use a part of it.
        SELECT r.index_name INTO whole FROM s3vl.index_registry r
            WHERE _index.index_arn = ANY (r.shards) AND NOT (r.is_active AND s3vl._may(r.index_name, writing)) LIMIT 1;
        IF index_arn IS NOT NULL AND whole IS NULL AND (SELECT c.allow_unregistered FROM s3vl.config c) THEN
            RETURN ARRAY[index_arn];
        END IF;
        RAISE EXCEPTION 's3vl.%: the index % is not registered', routine, coalesce(index_name, index_arn)
            USING ERRCODE = '42704', HINT = 'SELECT * FROM s3vl.list_indexes() shows those that are; '
                'the owner of the schema adds one with s3vl.register_index(name, arn).';
    END IF;
    IF NOT s3vl._may(found.index_name, writing) THEN
        RAISE EXCEPTION 's3vl.%: permission denied for the index % (role %)', routine, found.index_name, s3vl._caller()
            USING ERRCODE = '42501', HINT = format('The owner of the schema grants it: SELECT s3vl.grant_index(%L, %L%s)',
                found.index_name, s3vl._caller(), CASE WHEN writing THEN ', true' ELSE '' END);
    END IF;
    IF NOT found.is_active THEN
        RAISE EXCEPTION 's3vl.%: the index % is not active', routine, found.index_name
            USING ERRCODE = '55000', HINT = format('SELECT s3vl.activate_index(%L)', found.index_name);
    END IF;
    RETURN coalesce(found.shards, ARRAY[found.index_arn]);
END $$;

-- What register_embedding stored, or NULL.
CREATE OR REPLACE FUNCTION s3vl._embedding(index_name text, index_arn text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.embedding FROM s3vl.index_registry r
    WHERE r.index_name = _embedding.index_name OR r.index_arn = _embedding.index_arn
$$;

-- What is wrong with an array of numbers as a vector, or NULL.
CREATE OR REPLACE FUNCTION s3vl._wrong(vector float8[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN vector IS NULL THEN 'is null'
        WHEN cardinality(vector) = 0 THEN 'is empty'
        WHEN array_ndims(vector) > 1 THEN format('has %s dimensions of arrays', array_ndims(vector))
        WHEN array_position(vector, NULL) IS NOT NULL THEN 'has an element that is null'
        WHEN vector && '{NaN,Infinity,-Infinity}' THEN 'has an element that is no finite number'
    END
$$;

-- 1 for the same direction or the same place; less the farther away, as the metric of the index has it.
CREATE OR REPLACE FUNCTION s3vl._similarity(metric text, distance float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE metric WHEN 'cosine' THEN 1 - distance WHEN 'euclidean' THEN 1 / (1 + distance) END
$$;

-- What aws_lambda.invoke itself raised, as a kind. Its words:
-- https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/PostgreSQL-Lambda-errors.html
CREATE OR REPLACE FUNCTION s3vl._kind(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN said ~* 'timed out|timeout' THEN 'timeout'
        WHEN said ~* 'not authorized|AccessDenied' THEN 'denied'
        WHEN said ~* 'Function not found|ResourceNotFound' THEN 'missing'
        WHEN said ~* 'TooManyRequests|Rate exceeded' THEN 'throttled'
        WHEN said ~* 'ResponseSizeTooLarge|RequestTooLarge|must be smaller than' THEN 'too_large'
        WHEN said ~* 'lambda invocation failed' THEN 'crashed'
        ELSE 'unavailable'
    END
$$;

-- One call of the Lambda function. The answer is {"result": …, "continue": …}; anything else is raised.
CREATE OR REPLACE FUNCTION s3vl._call(routine text, operation text, indexes text[], parameters jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    config s3vl.config;
    event jsonb;
    answer record;
    said text;
    detail text;
    before text := current_setting('aws_lambda.request_timeout_ms', true);
BEGIN
    SELECT * INTO config FROM s3vl.config;
    IF config.id IS NULL THEN
        RAISE EXCEPTION 's3vl.%: no Lambda function is configured', routine
            USING ERRCODE = '55000', HINT = 'SELECT s3vl.configure(''arn:aws:lambda:…:function:…'')';
    END IF;
    event := parameters || jsonb_build_object('operation', operation, 'timeout_ms', config.timeout_seconds * 1000)
        || CASE WHEN cardinality(indexes) > 1 THEN jsonb_build_object('index_arns', indexes)
            ELSE jsonb_build_object('index_arn', indexes[1]) END;
    IF octet_length(event::text) > 6 * 1024 * 1024 THEN -- of a synchronous call, see the function's module
        RAISE EXCEPTION 's3vl.%: the call has % bytes, Lambda takes 6291456', routine, octet_length(event::text)
            USING ERRCODE = '54000', HINT = 'Make several calls of fewer vectors or ids.';
    END IF;
    PERFORM set_config('aws_lambda.request_timeout_ms', (config.timeout_seconds * 1000)::text, true);
    BEGIN
        SELECT i.status_code, i.payload INTO answer FROM aws_lambda.invoke(config.lambda_arn, event) i;
    EXCEPTION
        WHEN insufficient_privilege OR undefined_function OR invalid_schema_name THEN
            RAISE EXCEPTION 's3vl.%: %', routine, SQLERRM USING ERRCODE = SQLSTATE,
                HINT = 'The owner of s3vl needs the extension aws_lambda, USAGE on its schema, and EXECUTE on invoke.';
        WHEN OTHERS THEN
            said := SQLERRM;
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
            RAISE EXCEPTION 's3vl.%: % (%)', routine, said, detail
                USING ERRCODE = s3vl._sqlstate(s3vl._kind(said || ' ' || detail)), DETAIL = detail,
                    HINT = 'SELECT * FROM s3vl.validate_config() tries the call alone.';
    END;
    IF before <> '' THEN
        PERFORM set_config('aws_lambda.request_timeout_ms', before, true);
    END IF;
    IF answer.status_code BETWEEN 200 AND 299 AND answer.payload -> 'success' = 'true' AND answer.payload ? 'continue' THEN
        RETURN answer.payload;
    END IF;
    IF answer.payload -> 'success' = 'false' THEN
        RAISE EXCEPTION 's3vl.%: %', routine, answer.payload #>> '{error,message}'
            USING ERRCODE = s3vl._sqlstate(answer.payload #>> '{error,kind}'),
                DETAIL = format('%s; request %s', answer.payload #>> '{error,type}', answer.payload ->> 'request_id');
    END IF;
    RAISE EXCEPTION 's3vl.%: the Lambda function failed: status %, %', routine, answer.status_code,
        coalesce(answer.payload ->> 'errorMessage', left(answer.payload::text, 200), 'no payload')
        USING ERRCODE = s3vl._sqlstate(CASE
            WHEN answer.payload ->> 'errorMessage' IS NULL THEN 'crashed'
            ELSE s3vl._kind('lambda invocation failed ' || answer.payload::text) END);
END $$;

-- Configuration -----------------------------------------------------------------------------------------------------

-- Of the schema, as MAJOR.MINOR.
CREATE OR REPLACE FUNCTION s3vl.version() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT v.version FROM s3vl.version v ORDER BY string_to_array(v.version, '.')::int[] DESC LIMIT 1
$$;

-- Before the rest of the configuration comes the test of it: one row, whatever is wrong.
CREATE OR REPLACE FUNCTION s3vl.validate_config()
RETURNS TABLE (is_valid boolean, lambda_arn text, aws_region text, error_message text, response_time_ms float8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    SELECT c.lambda_arn, c.aws_region INTO lambda_arn, aws_region FROM s3vl.config c;
    BEGIN
        PERFORM s3vl._call('validate_config', 'availability_check', NULL, '{}');
        is_valid := true;
    EXCEPTION WHEN OTHERS THEN
        is_valid := false;
        error_message := format('%s (SQLSTATE %s)', SQLERRM, SQLSTATE);
    END;
    response_time_ms := extract(epoch FROM clock_timestamp() - began) * 1000;
    IF current_setting('transaction_read_only') = 'off' THEN
        UPDATE s3vl.config c SET last_validation_status = coalesce(error_message, 'valid');
    END IF;
    RETURN NEXT;
END $$;

-- `aws_region` is that of the ARN. True if the function answers; a warning tells what is wrong.
CREATE OR REPLACE FUNCTION s3vl.configure(
    lambda_arn text, aws_region text DEFAULT NULL, timeout_seconds int DEFAULT 30, allow_unregistered boolean DEFAULT false
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named text[] := regexp_match(lambda_arn, '^arn:aws[a-z-]*:lambda:([a-z0-9-]+):[0-9]{12}:function:[\w-]+(:[\w$-]+)?$');
    tested record;
BEGIN
    IF named IS NULL THEN
        RAISE EXCEPTION 's3vl.configure: % is not the ARN of a Lambda function', coalesce(lambda_arn, 'NULL')
            USING ERRCODE = '22023', HINT = 'Expected arn:aws:lambda:REGION:ACCOUNT:function:NAME, or with :ALIAS.';
    END IF;
    IF aws_region <> named[1] THEN
        RAISE EXCEPTION 's3vl.configure: the region is %, that of the ARN %', aws_region, named[1]
            USING ERRCODE = '22023', HINT = 'Leave the region out: it is read from the ARN.';
    END IF;
    IF timeout_seconds IS NULL OR timeout_seconds NOT BETWEEN 1 AND 900 THEN
        RAISE EXCEPTION 's3vl.configure: timeout_seconds must be from 1 to 900, got %', timeout_seconds
            USING ERRCODE = '22023';
    END IF;
    INSERT INTO s3vl.config AS c (lambda_arn, aws_region, timeout_seconds, allow_unregistered)
    VALUES (configure.lambda_arn, named[1], configure.timeout_seconds, coalesce(configure.allow_unregistered, false))
    ON CONFLICT (id) DO UPDATE SET lambda_arn = excluded.lambda_arn, aws_region = excluded.aws_region,
        timeout_seconds = excluded.timeout_seconds, allow_unregistered = excluded.allow_unregistered, updated_at = now();
    SELECT * INTO tested FROM s3vl.validate_config();
    IF NOT tested.is_valid THEN
        RAISE WARNING 's3vl.configure: stored, but the function does not answer: %', tested.error_message;
    END IF;
    RETURN tested.is_valid;
END $$;

CREATE OR REPLACE FUNCTION s3vl.get_config()
RETURNS TABLE (
    lambda_arn text, aws_region text, timeout_seconds int, allow_unregistered boolean, created_at timestamptz,
    updated_at timestamptz, config_age_hours float8, last_validation_status text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.lambda_arn, c.aws_region, c.timeout_seconds, c.allow_unregistered, c.created_at, c.updated_at,
        extract(epoch FROM now() - c.updated_at)::float8 / 3600, c.last_validation_status
    FROM s3vl.config c
$$;

-- The registry ------------------------------------------------------------------------------------------------------

-- A name that is there gets the new ARN, and is active. Its embedding stays if the ARN does.
CREATE OR REPLACE FUNCTION s3vl.register_index(
    index_name_param text, index_arn_param text, description_param text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named text[] := regexp_match(index_arn_param,
        '^arn:aws[a-z-]*:s3vectors:([a-z0-9-]+):([0-9]{12}):bucket/([a-z0-9.-]{3,63})/index/[a-z0-9.-]{3,63}$');
BEGIN
    IF named IS NULL THEN
        RAISE EXCEPTION 's3vl.register_index: % is not the ARN of an index', coalesce(index_arn_param, 'NULL')
            USING ERRCODE = '22023', HINT = 'Expected arn:aws:s3vectors:REGION:ACCOUNT:bucket/NAME/index/NAME.';
    END IF;
    IF index_name_param IS NULL OR index_name_param !~ '^[a-zA-Z][a-zA-Z0-9_-]{1,63}$' THEN
        RAISE EXCEPTION 's3vl.register_index: % is no name for an index', coalesce(index_name_param, 'NULL')
            USING ERRCODE = '22023', HINT = 'Expected a letter, then 1 to 63 letters, digits, - or _.';
    END IF;
    INSERT INTO s3vl.index_registry AS r (index_name, index_arn, description, bucket_name, region, account_id)
    VALUES (index_name_param, index_arn_param, description_param, named[3], named[1], named[2])
    ON CONFLICT (index_name) DO UPDATE SET index_arn = excluded.index_arn, bucket_name = excluded.bucket_name,
        description = excluded.description, region = excluded.region, account_id = excluded.account_id,
        is_active = true, updated_at = now(), shards = NULL,
        embedding = CASE WHEN r.index_arn = excluded.index_arn THEN r.embedding END;
    RETURN true;
END $$;

-- One name for several indexes of the same dimensions and distance, of which each vector is in one: queries merge their
-- answers by distance, put_vectors chooses the index by a hash of the id, all else looks in each. The order counts: a
-- name that is there keeps its indexes.
CREATE OR REPLACE FUNCTION s3vl.register_logical_index(
    index_name_param text, index_arns_param text[], description_param text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    form text := '^arn:aws[a-z-]*:s3vectors:[a-z0-9-]+:[0-9]{12}:bucket/[a-z0-9.-]{3,63}/index/[a-z0-9.-]{3,63}$';
    wrong text := (SELECT coalesce(a, 'NULL') FROM unnest(index_arns_param) a WHERE a !~ form OR a IS NULL LIMIT 1);
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 's3vl.register_logical_index: % is not the ARN of an index', wrong
            USING ERRCODE = '22023', HINT = 'Expected arn:aws:s3vectors:REGION:ACCOUNT:bucket/NAME/index/NAME.';
    END IF;
    IF (SELECT count(DISTINCT a) FROM unnest(index_arns_param) a) <> cardinality(index_arns_param)
        OR coalesce(cardinality(index_arns_param), 0) < 2
    THEN
        RAISE EXCEPTION 's3vl.register_logical_index: expected two or more different indexes, got %', index_arns_param
            USING ERRCODE = '22023';
    END IF;
    IF index_name_param IS NULL OR index_name_param !~ '^[a-zA-Z][a-zA-Z0-9_-]{1,63}$' THEN
        RAISE EXCEPTION 's3vl.register_logical_index: % is no name for an index', coalesce(index_name_param, 'NULL')
            USING ERRCODE = '22023', HINT = 'Expected a letter, then 1 to 63 letters, digits, - or _.';
    END IF;
    PERFORM s3vl._call('register_logical_index', 'availability_check', index_arns_param, '{}');
    INSERT INTO s3vl.index_registry AS r (index_name, shards, description)
    VALUES (index_name_param, index_arns_param, description_param)
    ON CONFLICT (index_name) DO UPDATE SET description = excluded.description, is_active = true, updated_at = now()
        WHERE r.shards = excluded.shards;
    IF NOT FOUND THEN
        RAISE EXCEPTION 's3vl.register_logical_index: the name % stands for other indexes', index_name_param
            USING ERRCODE = '55000', HINT = 'Vectors do not move by themselves. Unregister the name first, and put the '
                'vectors anew if it had other shards.';
    END IF;
    RETURN true;
END $$;

-- The indexes of a logical index that the caller may read; of another index, itself.
CREATE OR REPLACE FUNCTION s3vl.list_shards(index_name_param text) RETURNS TABLE (shard_number int, index_arn text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT n::int, a FROM unnest(s3vl._index('list_shards', index_name_param, NULL, false)) WITH ORDINALITY AS u (a, n)
$$;

-- The model that embeds the questions of query_text: the one that destination-s3vectors wrote beside the vectors, or
-- `fingerprint` in its words, PROVIDER/MODEL/DIMENSIONS, for vectors of other origin. `options`, as far as needed:
-- model_id and region of Bedrock, query_prefix, shorten. No key: the function has its own. Returns the fingerprint.
CREATE OR REPLACE FUNCTION s3vl.register_embedding(
    index_name_param text, fingerprint text DEFAULT NULL, options jsonb DEFAULT '{}'
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given jsonb := jsonb_build_object('fingerprint', fingerprint, 'options', options);
    found text := s3vl._call('register_embedding', 'find_model',
        s3vl._index('register_embedding', index_name_param, NULL, true), jsonb_build_object('embedding', given)
    ) #>> '{result,fingerprint}';
BEGIN
    UPDATE s3vl.index_registry r
    SET embedding = jsonb_build_object('fingerprint', found, 'options', options), updated_at = now()
    WHERE r.index_name = index_name_param;
    RETURN found;
END $$;

CREATE OR REPLACE FUNCTION s3vl._set_active(routine text, name text, active boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE s3vl.index_registry r SET is_active = active, updated_at = now() WHERE r.index_name = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 's3vl.%: the index % is not registered', routine, name USING ERRCODE = '42704';
    END IF;
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION s3vl.activate_index(index_name_param text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s3vl._set_active('activate_index', index_name_param, true)
$$;

CREATE OR REPLACE FUNCTION s3vl.deactivate_index(index_name_param text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s3vl._set_active('deactivate_index', index_name_param, false)
$$;

-- Forgets the name, its grants and what its outbox still has; the index itself stays. Tables whose changes go there
-- stand in its way: each of their changes would fail.
CREATE OR REPLACE FUNCTION s3vl.unregister_index(index_name_param text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    synced text := (
        SELECT string_agg(t.tgrelid::regclass::text, ', ' ORDER BY t.tgrelid::regclass::text) FROM pg_trigger t
        WHERE t.tgfoid = 's3vl._enqueue'::regproc -- whose first argument is the index
            AND split_part(encode(t.tgargs, 'escape'), '\000', 1) = index_name_param);
BEGIN
    IF synced IS NOT NULL THEN
        RAISE EXCEPTION 's3vl.unregister_index: the index % is kept in step with %', index_name_param, synced
            USING ERRCODE = '55006', HINT = format('First, for each: SELECT s3vl.unsync_table(…, %L)', index_name_param);
    END IF;
    DELETE FROM s3vl.index_registry r WHERE r.index_name = index_name_param;
    IF NOT FOUND THEN
        RAISE EXCEPTION 's3vl.unregister_index: the index % is not registered', index_name_param USING ERRCODE = '42704';
    END IF;
    RETURN true;
END $$;

-- Those that the caller may read.
CREATE OR REPLACE FUNCTION s3vl.list_indexes()
RETURNS TABLE (
    index_name text, index_arn text, description text, bucket_name text, region text, account_id text, is_active boolean,
    created_at timestamptz, updated_at timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.index_name, r.index_arn, r.description, r.bucket_name, r.region, r.account_id, r.is_active, r.created_at,
        r.updated_at
    FROM s3vl.index_registry r WHERE s3vl._may(r.index_name, false) ORDER BY r.index_name
$$;

CREATE OR REPLACE FUNCTION s3vl.get_index_info(index_name_param text)
RETURNS TABLE (
    index_name text, index_arn text, description text, bucket_name text, region text, account_id text, is_active boolean,
    created_at timestamptz, updated_at timestamptz
) LANGUAGE plpgsql STABLE ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT i.* FROM s3vl.list_indexes() i WHERE i.index_name = index_name_param;
    IF NOT FOUND THEN
        RAISE EXCEPTION 's3vl.get_index_info: no index % is registered for the role %', index_name_param, s3vl._caller()
            USING ERRCODE = '42704', HINT = 'SELECT * FROM s3vl.list_indexes()';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION s3vl.resolve_index_arn(index_name_param text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('resolve_index_arn', index_name_param, NULL, false);
BEGIN
    IF cardinality(indexes) > 1 THEN
        RAISE EXCEPTION 's3vl.resolve_index_arn: % is a logical index of %', index_name_param, cardinality(indexes)
            USING ERRCODE = '42809', HINT = format('SELECT * FROM s3vl.list_shards(%L)', index_name_param);
    END IF;
    RETURN indexes[1];
END $$;

-- Reading -----------------------------------------------------------------------------------------------------------
-- None is PARALLEL RESTRICTED: `_call` catches errors and sets the timeout, and neither is allowed while the rest of the
-- statement runs in parallel, as a join with a large table may.

-- The nearest vectors, nearest first. One call of the Lambda function carries as many as 6 MB hold; the rest follows.
CREATE OR REPLACE FUNCTION s3vl.query_vectors(
    query_vector float8[], index_name text DEFAULT NULL, index_arn text DEFAULT NULL, top_k int DEFAULT 10,
    return_metadata boolean DEFAULT true, metadata_filter jsonb DEFAULT NULL
) RETURNS TABLE (vector_id text, distance float8, similarity_score float8, metadata jsonb)
LANGUAGE plpgsql STABLE COST 1000000 ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('query_vectors', index_name, index_arn, false);
    wrong text := s3vl._wrong(query_vector);
    answer jsonb := '{}';
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 's3vl.query_vectors: the query vector %', wrong
            USING ERRCODE = CASE WHEN query_vector IS NULL THEN '22004' ELSE '22023' END;
    END IF;
    IF top_k IS NULL OR top_k NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 's3vl.query_vectors: top_k must be from 1 to 10000, got %', top_k USING ERRCODE = '22023';
    END IF;
    LOOP
        answer := s3vl._call('query_vectors', 'query_vectors', indexes, jsonb_build_object(
            'query_vector', query_vector, 'top_k', top_k, 'return_metadata', coalesce(return_metadata, true),
            'filter', metadata_filter, 'continue', answer -> 'continue'));
        RETURN QUERY SELECT v.key, v.distance, s3vl._similarity(answer #>> '{result,distance_metric}', v.distance), v.metadata
            FROM jsonb_to_recordset(answer #> '{result,vectors}') AS v (key text, distance float8, metadata jsonb);
        EXIT WHEN answer -> 'continue' = 'null';
    END LOOP;
END $$;

-- A row for each id, in their order; `found` is false for those that the index does not have.
CREATE OR REPLACE FUNCTION s3vl.get_vectors(
    vector_ids text[], index_name text DEFAULT NULL, index_arn text DEFAULT NULL,
    include_vector_data boolean DEFAULT true, include_metadata boolean DEFAULT true
) RETURNS TABLE (vector_id text, embedding float8[], metadata jsonb, found boolean)
LANGUAGE plpgsql STABLE COST 1000000 ROWS 100
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('get_vectors', index_name, index_arn, false);
    answer jsonb := '{}';
BEGIN
    IF vector_ids IS NULL OR array_position(vector_ids, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 's3vl.get_vectors: vector_ids is null, or has a null' USING ERRCODE = '22004';
    END IF;
    IF cardinality(vector_ids) = 0 THEN -- what array_agg over no rows, coalesced, asks for
        RETURN;
    END IF;
    LOOP
        answer := s3vl._call('get_vectors', 'get_vectors', indexes, jsonb_build_object(
            'vector_ids', vector_ids, 'return_data', coalesce(include_vector_data, true),
            'return_metadata', coalesce(include_metadata, true), 'continue', answer -> 'continue'));
        RETURN QUERY SELECT v.key, v.data, v.metadata, v.found
            FROM jsonb_to_recordset(answer #> '{result,vectors}') AS v (key text, data float8[], metadata jsonb, found boolean);
        EXIT WHEN answer -> 'continue' = 'null';
    END LOOP;
END $$;

-- One page in no order. `response_next_token`, the same in each row, leads to the next; null: that was the last.
-- `total_count` is that of the whole index where the page is all of it, else null: the service does not count.
CREATE OR REPLACE FUNCTION s3vl.list_vectors(
    index_arn text DEFAULT NULL, index_name text DEFAULT NULL, max_results int DEFAULT 100, next_token text DEFAULT NULL,
    return_data boolean DEFAULT false, return_metadata boolean DEFAULT true
) RETURNS TABLE (vector_id text, vector_data float8[], metadata jsonb, response_next_token text, total_count int)
LANGUAGE plpgsql STABLE COST 1000000 ROWS 100
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('list_vectors', index_name, index_arn, false);
    answer jsonb;
BEGIN
    IF max_results IS NULL OR max_results NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 's3vl.list_vectors: max_results must be from 1 to 1000, got %', max_results USING ERRCODE = '22023';
    END IF;
    answer := s3vl._call('list_vectors', 'list_vectors', indexes, jsonb_build_object(
        'max_results', max_results, 'next_token', next_token, 'return_data', coalesce(return_data, false),
        'return_metadata', coalesce(return_metadata, true)));
    RETURN QUERY SELECT v.key, v.data, v.metadata, answer ->> 'continue',
            CASE WHEN next_token IS NULL AND answer ->> 'continue' IS NULL
                THEN jsonb_array_length(answer #> '{result,vectors}') END
        FROM jsonb_to_recordset(answer #> '{result,vectors}') AS v (key text, data float8[], metadata jsonb);
END $$;

-- The whole index in no order, whatever its size: as many calls as it takes.
CREATE OR REPLACE FUNCTION s3vl.list_all(
    index_name text DEFAULT NULL, index_arn text DEFAULT NULL, return_data boolean DEFAULT false,
    return_metadata boolean DEFAULT true
) RETURNS TABLE (vector_id text, vector_data float8[], metadata jsonb)
LANGUAGE plpgsql STABLE COST 1000000 ROWS 10000
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('list_all', index_name, index_arn, false);
    answer jsonb := '{}';
BEGIN
    LOOP
        answer := s3vl._call('list_all', 'list_vectors', indexes, jsonb_build_object(
            'all', true, 'max_results', 1000, 'continue', answer -> 'continue',
            'return_data', coalesce(return_data, false), 'return_metadata', coalesce(return_metadata, true)));
        RETURN QUERY SELECT v.key, v.data, v.metadata
            FROM jsonb_to_recordset(answer #> '{result,vectors}') AS v (key text, data float8[], metadata jsonb);
        EXIT WHEN answer -> 'continue' = 'null';
    END LOOP;
END $$;

-- Many queries in one call. `query_vectors` has two dimensions, as array_agg makes them: a row for each query.
-- `query_number` counts them from 1.
CREATE OR REPLACE FUNCTION s3vl.query_many(
    query_vectors float8[], index_name text DEFAULT NULL, index_arn text DEFAULT NULL, top_k int DEFAULT 10,
    return_metadata boolean DEFAULT true, metadata_filter jsonb DEFAULT NULL
) RETURNS TABLE (query_number int, vector_id text, distance float8, similarity_score float8, metadata jsonb)
LANGUAGE plpgsql STABLE COST 1000000 ROWS 100
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('query_many', index_name, index_arn, false);
    answer jsonb := '{}';
    done int := 0;
BEGIN
    IF array_ndims(query_vectors) IS DISTINCT FROM 2 OR s3vl._wrong(ARRAY(SELECT unnest(query_vectors))) IS NOT NULL THEN
        RAISE EXCEPTION 's3vl.query_many: expected an array of vectors of finite numbers'
            USING ERRCODE = '22023', HINT = 'ARRAY[[1, 0], [0, 1]], or array_agg(embedding::real[]) from a table.';
    END IF;
    IF top_k IS NULL OR top_k NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 's3vl.query_many: top_k must be from 1 to 10000, got %', top_k USING ERRCODE = '22023';
    END IF;
    LOOP
        answer := s3vl._call('query_many', 'query_many', indexes, jsonb_build_object(
            'query_vectors', query_vectors, 'top_k', top_k, 'return_metadata', coalesce(return_metadata, true),
            'filter', metadata_filter, 'continue', answer -> 'continue'));
        RETURN QUERY SELECT done + a.number::int, v.key, v.distance,
                s3vl._similarity(a.answer ->> 'distance_metric', v.distance), v.metadata
            FROM jsonb_array_elements(answer #> '{result,answers}') WITH ORDINALITY AS a (answer, number),
                jsonb_to_recordset(a.answer -> 'vectors') AS v (key text, distance float8, metadata jsonb);
        EXIT WHEN answer -> 'continue' = 'null';
        done := (answer ->> 'continue')::int;
    END LOOP;
END $$;

-- The nearest of those ids that a query of yours left over: read and compared one by one, so that the distances are
-- exact and nothing is lost to the filter. The service itself cannot filter by id. For thousands of ids, not millions.
CREATE OR REPLACE FUNCTION s3vl.query_among(
    query_vector float8[], vector_ids text[], index_name text DEFAULT NULL, index_arn text DEFAULT NULL,
    top_k int DEFAULT 10, return_metadata boolean DEFAULT true
) RETURNS TABLE (vector_id text, distance float8, similarity_score float8, metadata jsonb)
LANGUAGE plpgsql STABLE COST 1000000 ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('query_among', index_name, index_arn, false);
    wrong text := s3vl._wrong(query_vector);
    answer jsonb;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 's3vl.query_among: the query vector %', wrong
            USING ERRCODE = CASE WHEN query_vector IS NULL THEN '22004' ELSE '22023' END;
    END IF;
    IF array_position(vector_ids, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 's3vl.query_among: vector_ids has a null' USING ERRCODE = '22004';
    END IF;
    IF coalesce(cardinality(vector_ids), 0) = 0 THEN -- array_agg gives null for no rows
        RETURN;
    END IF;
    answer := s3vl._call('query_among', 'query_among', indexes, jsonb_build_object(
        'query_vector', query_vector, 'vector_ids', vector_ids, 'top_k', top_k,
        'return_metadata', coalesce(return_metadata, true)));
    RETURN QUERY SELECT v.key, v.distance, s3vl._similarity(answer #>> '{result,distance_metric}', v.distance), v.metadata
        FROM jsonb_to_recordset(answer #> '{result,vectors}') AS v (key text, distance float8, metadata jsonb);
END $$;

-- The nearest to a text, which is embedded by the model of the index (see register_embedding). An index with vectors of
-- several models, or of one that is not known, is refused.
CREATE OR REPLACE FUNCTION s3vl.query_text(
    query_text text, index_name text DEFAULT NULL, index_arn text DEFAULT NULL, top_k int DEFAULT 10,
    return_metadata boolean DEFAULT true, metadata_filter jsonb DEFAULT NULL
) RETURNS TABLE (vector_id text, distance float8, similarity_score float8, metadata jsonb)
LANGUAGE plpgsql STABLE COST 1000000 ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('query_text', index_name, index_arn, false);
    embedding jsonb := s3vl._embedding(index_name, index_arn);
    answer jsonb := '{}';
BEGIN
    PERFORM s3vl._expect_text('query_text', query_text, top_k);
    LOOP
        answer := s3vl._call('query_text', 'query_text', indexes, jsonb_build_object(
            'query_text', query_text, 'embedding', embedding, 'top_k', top_k,
            'return_metadata', coalesce(return_metadata, true), 'filter', metadata_filter,
            'continue', answer -> 'continue'));
        RETURN QUERY SELECT v.key, v.distance, s3vl._similarity(answer #>> '{result,distance_metric}', v.distance), v.metadata
            FROM jsonb_to_recordset(answer #> '{result,vectors}') AS v (key text, distance float8, metadata jsonb);
        EXIT WHEN answer -> 'continue' = 'null';
    END LOOP;
END $$;

-- The same by the words too: search_hybrid, with the vector of its text.
CREATE OR REPLACE FUNCTION s3vl.query_hybrid(
    query_text text, metadata_key text, index_name text DEFAULT NULL, index_arn text DEFAULT NULL, top_k int DEFAULT 10,
    return_metadata boolean DEFAULT true, metadata_filter jsonb DEFAULT NULL
) RETURNS TABLE (vector_id text, score float8, distance float8, metadata jsonb)
LANGUAGE plpgsql STABLE COST 1000000 ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('query_hybrid', index_name, index_arn, false);
BEGIN
    PERFORM s3vl._expect_text('query_hybrid', query_text, top_k);
    RETURN QUERY SELECT f.* FROM s3vl._search('query_hybrid', query_text, metadata_key, NULL, indexes, top_k,
        return_metadata, metadata_filter, jsonb_build_object('query_text', query_text,
            'embedding', s3vl._embedding(index_name, index_arn))) f;
END $$;

-- The vector of a text by the model of an index, for query_among, query_many and what else takes a vector.
CREATE OR REPLACE FUNCTION s3vl.embed_text(query_text text, index_name text DEFAULT NULL, index_arn text DEFAULT NULL)
RETURNS float8[]
LANGUAGE plpgsql STABLE COST 1000000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('embed_text', index_name, index_arn, false);
BEGIN
    PERFORM s3vl._expect_text('embed_text', query_text, 1);
    RETURN ARRAY(SELECT e::float8 FROM jsonb_array_elements_text(s3vl._call('embed_text', 'embed_text', indexes,
        jsonb_build_object('query_text', query_text, 'embedding', s3vl._embedding(index_name, index_arn))
    ) #> '{result,vector}') WITH ORDINALITY AS u (e, n) ORDER BY n);
END $$;

CREATE OR REPLACE FUNCTION s3vl._expect_text(routine text, query_text text, top_k int) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF query_text IS NULL OR query_text !~ '\S' THEN
        RAISE EXCEPTION 's3vl.%: the text is %', routine, CASE WHEN query_text IS NULL THEN 'null' ELSE 'blank' END
            USING ERRCODE = CASE WHEN query_text IS NULL THEN '22004' ELSE '22023' END;
    END IF;
    IF top_k IS NULL OR top_k NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 's3vl.%: top_k must be from 1 to 10000, got %', routine, top_k USING ERRCODE = '22023';
    END IF;
END $$;

-- By words: full-text search in a metadata key that the index was made to search, best first.
CREATE OR REPLACE FUNCTION s3vl.search_text(
    query_text text, metadata_key text, index_name text DEFAULT NULL, index_arn text DEFAULT NULL, top_k int DEFAULT 10,
    return_metadata boolean DEFAULT true, metadata_filter jsonb DEFAULT NULL
) RETURNS TABLE (vector_id text, score float8, metadata jsonb)
LANGUAGE plpgsql STABLE COST 1000000 ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT f.vector_id, f.score, f.metadata FROM s3vl._search('search_text', query_text, metadata_key, NULL,
        s3vl._index('search_text', index_name, index_arn, false), top_k, return_metadata, metadata_filter) f;
END $$;

-- By words and by meaning at once: the service merges both orders into one score, best first.
CREATE OR REPLACE FUNCTION s3vl.search_hybrid(
    query_vector float8[], query_text text, metadata_key text, index_name text DEFAULT NULL,
    index_arn text DEFAULT NULL, top_k int DEFAULT 10, return_metadata boolean DEFAULT true,
    metadata_filter jsonb DEFAULT NULL
) RETURNS TABLE (vector_id text, score float8, distance float8, metadata jsonb)
LANGUAGE plpgsql STABLE COST 1000000 ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text := s3vl._wrong(query_vector);
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 's3vl.search_hybrid: the query vector %', wrong
            USING ERRCODE = CASE WHEN query_vector IS NULL THEN '22004' ELSE '22023' END;
    END IF;
    RETURN QUERY SELECT f.* FROM s3vl._search('search_hybrid', query_text, metadata_key, query_vector,
        s3vl._index('search_hybrid', index_name, index_arn, false), top_k, return_metadata, metadata_filter) f;
END $$;

CREATE OR REPLACE FUNCTION s3vl._search(
    routine text, query_text text, metadata_key text, query_vector float8[], indexes text[], top_k int,
    return_metadata boolean, metadata_filter jsonb, to_embed jsonb DEFAULT NULL
) RETURNS TABLE (vector_id text, score float8, distance float8, metadata jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer jsonb := '{}';
BEGIN
    IF query_text IS NULL OR metadata_key IS NULL THEN
        RAISE EXCEPTION 's3vl.%: query_text and metadata_key must not be null', routine USING ERRCODE = '22004';
    END IF;
    LOOP
        answer := s3vl._call(routine, CASE WHEN to_embed IS NULL THEN 'query_vectors' ELSE 'query_text' END, indexes,
            coalesce(to_embed, '{}') || jsonb_build_object(
                'query_vector', query_vector, 'top_k', top_k, 'return_metadata', coalesce(return_metadata, true),
                'query_texts', jsonb_build_array(jsonb_build_object('text', query_text, 'metadataKey', metadata_key)),
                'filter', metadata_filter, 'continue', answer -> 'continue'));
        RETURN QUERY SELECT v.key, coalesce(v.scores ->> 'fused', v.scores #>> '{bm25Scores,0,score}')::float8, v.distance, v.metadata
            FROM jsonb_to_recordset(answer #> '{result,vectors}')
                AS v (key text, scores jsonb, distance float8, metadata jsonb);
        EXIT WHEN answer -> 'continue' = 'null';
    END LOOP;
END $$;

-- The same for vectors of other types. pgvector's `vector` becomes real[] by itself; a literal is text.
CREATE OR REPLACE FUNCTION s3vl._numbers(vector text) RETURNS float8[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT translate(vector, '[]', '{}')::float8[]
$$;

DO $$
DECLARE
    other text;
BEGIN
    FOREACH other IN ARRAY ARRAY['real[]', 'numeric[]', 'int[]', 'text'] LOOP
        EXECUTE format(
            'CREATE OR REPLACE FUNCTION s3vl.query_vectors('
                'query_vector %s, index_name text DEFAULT NULL, index_arn text DEFAULT NULL, top_k int DEFAULT 10, '
                'return_metadata boolean DEFAULT true, metadata_filter jsonb DEFAULT NULL) '
            'RETURNS TABLE (vector_id text, distance float8, similarity_score float8, metadata jsonb) '
            'LANGUAGE sql STABLE COST 1000000 ROWS 10 AS $f$ SELECT * FROM s3vl.query_vectors('
                '%s, index_name, index_arn, top_k, return_metadata, metadata_filter) $f$',
            other, CASE other WHEN 'text' THEN 's3vl._numbers(query_vector)' ELSE 'query_vector::float8[]' END);
    END LOOP;
END $$;

-- Writing -----------------------------------------------------------------------------------------------------------
-- The service knows no transactions: what was put stays put when the transaction rolls back. The outbox below follows
-- the transaction.

-- Puts vectors, as new or in the place of those with the same ids; how many. `vectors` has a row for each id.
CREATE OR REPLACE FUNCTION s3vl.put_vectors(
    vector_ids text[], vectors float8[], metadata jsonb[] DEFAULT NULL, index_name text DEFAULT NULL,
    index_arn text DEFAULT NULL
) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('put_vectors', index_name, index_arn, true);
    count int := coalesce(cardinality(vector_ids), 0);
    batch jsonb[] := '{}';
    entry jsonb;
    bytes int := 0;
BEGIN
    IF count = 0 THEN
        RETURN 0;
    END IF;
    IF array_ndims(vectors) IS DISTINCT FROM 2 OR array_length(vectors, 1) <> count
        OR s3vl._wrong(ARRAY(SELECT unnest(vectors))) IS NOT NULL OR array_position(vector_ids, NULL) IS NOT NULL
        OR cardinality(metadata) <> count
    THEN
        RAISE EXCEPTION 's3vl.put_vectors: expected as many ids, vectors of finite numbers, and metadata' USING
            ERRCODE = '22023', HINT = 'Of a table: array_agg(id), array_agg(embedding::real[]), array_agg(metadata).';
    END IF;
    FOR n IN 1 .. count LOOP
        entry := jsonb_build_object('key', vector_ids[array_lower(vector_ids, 1) + n - 1], 'metadata',
            coalesce(metadata[array_lower(metadata, 1) + n - 1], '{}'),
            'data', ARRAY(SELECT unnest(vectors[array_lower(vectors, 1) + n - 1 : array_lower(vectors, 1) + n - 1][:])));
        bytes := bytes + octet_length(entry::text);
        IF bytes > 5000000 OR cardinality(batch) = 5000 THEN
            PERFORM s3vl._call('put_vectors', 'put_vectors', indexes, jsonb_build_object('vectors', batch));
            batch := '{}';
            bytes := octet_length(entry::text);
        END IF;
        batch := batch || entry;
    END LOOP;
    PERFORM s3vl._call('put_vectors', 'put_vectors', indexes, jsonb_build_object('vectors', batch));
    RETURN count;
END $$;

-- How many ids were asked to go; one that is not there is gone already.
CREATE OR REPLACE FUNCTION s3vl.delete_vectors(
    vector_ids text[], index_name text DEFAULT NULL, index_arn text DEFAULT NULL
) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('delete_vectors', index_name, index_arn, true);
    first int := coalesce(array_lower(vector_ids, 1), 1);
    last int := coalesce(array_upper(vector_ids, 1), 0);
BEGIN
    IF array_position(vector_ids, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 's3vl.delete_vectors: vector_ids has a null' USING ERRCODE = '22004';
    END IF;
    FOR start IN first .. last BY 5000 LOOP
        PERFORM s3vl._call('delete_vectors', 'delete_vectors', indexes,
            jsonb_build_object('vector_ids', vector_ids[start : least(start + 4999, last)]));
    END LOOP;
    RETURN last - first + 1;
END $$;

-- Keeping an index in step with a table ------------------------------------------------------------------------------

-- The name of the trigger of an index, of 63 letters at most: PostgreSQL cuts longer ones, and two could be one.
CREATE OR REPLACE FUNCTION s3vl._trigger(index_name text) RETURNS name
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN length(index_name) <= 58 THEN 's3vl_' || index_name
        ELSE 's3vl_' || left(index_name, 25) || '_' || md5(index_name) END::name
$$;

-- The trigger of sync_table: TG_ARGV has index, id column, embedding column, and the columns of the metadata.
CREATE OR REPLACE FUNCTION s3vl._enqueue() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    metadata jsonb := '{}';
BEGIN
    IF before ->> TG_ARGV[1] IS DISTINCT FROM after ->> TG_ARGV[1] AND before ->> TG_ARGV[1] IS NOT NULL THEN
        INSERT INTO s3vl.outbox (index_name, vector_id) VALUES (TG_ARGV[0], before ->> TG_ARGV[1]);
    END IF;
    IF after ->> TG_ARGV[1] IS NOT NULL AND before IS DISTINCT FROM after THEN
        FOR n IN 3 .. TG_NARGS - 1 LOOP
            metadata := metadata || jsonb_build_object(TG_ARGV[n], after -> TG_ARGV[n]);
        END LOOP;
        INSERT INTO s3vl.outbox (index_name, vector_id, embedding, metadata) VALUES (
            TG_ARGV[0], after ->> TG_ARGV[1], s3vl._numbers(after ->> TG_ARGV[2]), jsonb_strip_nulls(metadata));
    END IF;
    RETURN NULL;
END $$;

-- From now on each change of the table goes into the outbox, in the same transaction; a row without embedding is
-- deleted from the index. The caller owns the table and may write the index; the owner of s3vl needs TRIGGER on it.
-- The rows that are there go with a statement that changes them, or with put_vectors.
CREATE OR REPLACE FUNCTION s3vl.sync_table(
    table_name regclass, index_name text, id_column text, embedding_column text, metadata_columns text[] DEFAULT '{}'
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    arguments text[] := ARRAY[index_name, id_column, embedding_column] || metadata_columns;
    missing text;
BEGIN
    PERFORM s3vl._index('sync_table', index_name, NULL, true);
    IF NOT pg_has_role(s3vl._caller(), (SELECT c.relowner FROM pg_class c WHERE c.oid = table_name), 'USAGE') THEN
        RAISE EXCEPTION 's3vl.sync_table: the role % does not own %', s3vl._caller(), table_name USING ERRCODE = '42501';
    END IF;
    SELECT c INTO missing FROM unnest(arguments[2:]) c WHERE NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = table_name AND a.attname = c AND NOT a.attisdropped);
    IF FOUND THEN
        RAISE EXCEPTION 's3vl.sync_table: % has no column %', table_name, missing USING ERRCODE = '42703';
    END IF;
    EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW '
        'EXECUTE FUNCTION s3vl._enqueue(%s)', s3vl._trigger(index_name), table_name,
        (SELECT string_agg(quote_literal(a), ', ' ORDER BY n) FROM unnest(arguments) WITH ORDINALITY u (a, n)));
END $$;

-- Ends that. What the outbox has already still goes.
CREATE OR REPLACE FUNCTION s3vl.unsync_table(table_name regclass, index_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(s3vl._caller(), (SELECT c.relowner FROM pg_class c WHERE c.oid = table_name), 'USAGE') THEN
        RAISE EXCEPTION 's3vl.unsync_table: the role % does not own %', s3vl._caller(), table_name
            USING ERRCODE = '42501';
    END IF;
    EXECUTE format('DROP TRIGGER %I ON %s', s3vl._trigger(index_name), table_name);
END $$;

-- Puts and deletes what the outbox has of an index, oldest first, at most `most` changes; how many went. The last
-- change of a vector wins. A change that the service refuses stays, with its reason, and is not tried again until the
-- row changes; any other error is raised, and all stays. At least once: a crash after the call repeats it.
CREATE OR REPLACE FUNCTION s3vl.drain_outbox(index_name text, most int DEFAULT 100) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken bigint[];
    last bigint[];
    gone int;
    change bigint;
BEGIN
    PERFORM s3vl._index('drain_outbox', index_name, NULL, true);
    -- One at a time for each index: two could overtake each other with changes of one vector.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('s3vl.outbox ' || index_name, 0)) THEN
        RETURN 0;
    END IF;
    taken := ARRAY(
        SELECT o.id FROM s3vl.outbox o
        WHERE o.index_name = drain_outbox.index_name AND o.failure IS NULL ORDER BY o.id LIMIT most);
    IF taken = '{}' THEN
        RETURN 0;
    END IF;
    last := ARRAY(SELECT max(o.id) FROM s3vl.outbox o WHERE o.id = ANY (taken) GROUP BY o.vector_id);
    BEGIN
        PERFORM s3vl._send(index_name, last);
    EXCEPTION WHEN invalid_parameter_value OR program_limit_exceeded THEN -- one of them, or all at once: each by itself
        FOREACH change IN ARRAY last LOOP
            BEGIN
                PERFORM s3vl._send(index_name, ARRAY[change]);
            EXCEPTION WHEN invalid_parameter_value OR program_limit_exceeded THEN
                UPDATE s3vl.outbox o SET failure = SQLERRM WHERE o.id = change;
            END;
        END LOOP;
    END;
    -- Also what failed of these vectors before: it is overtaken.
    DELETE FROM s3vl.outbox o USING s3vl.outbox l
    WHERE l.id = ANY (last) AND o.index_name = l.index_name AND o.vector_id = l.vector_id
        AND (o.id < l.id OR o.id = l.id AND l.failure IS NULL);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

CREATE OR REPLACE FUNCTION s3vl._send(index_name text, changes bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    indexes text[] := s3vl._index('drain_outbox', index_name, NULL, true);
    vectors jsonb;
    ids jsonb;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('key', o.vector_id, 'data', o.embedding, 'metadata', o.metadata))
            FILTER (WHERE o.embedding IS NOT NULL),
        jsonb_agg(o.vector_id) FILTER (WHERE o.embedding IS NULL)
    INTO vectors, ids FROM s3vl.outbox o WHERE o.id = ANY (changes);
    IF vectors IS NOT NULL THEN
        PERFORM s3vl._call('drain_outbox', 'put_vectors', indexes, jsonb_build_object('vectors', vectors));
    END IF;
    IF ids IS NOT NULL THEN
        PERFORM s3vl._call('drain_outbox', 'delete_vectors', indexes, jsonb_build_object('vector_ids', ids));
    END IF;
END $$;

-- Ids that only one side has. With the rights of the caller, who reads the table and the index.
CREATE OR REPLACE FUNCTION s3vl.orphans(table_name regclass, index_name text, id_column text)
RETURNS TABLE (vector_id text, only_in text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT coalesce(v.vector_id, t.id), CASE WHEN t.id IS NULL THEN %L ELSE %L END '
        'FROM s3vl.list_all(%L, return_metadata => false) v '
        'FULL JOIN (SELECT %I::text AS id FROM %s) t ON t.id = v.vector_id WHERE t.id IS NULL OR v.vector_id IS NULL',
        'index', 'table', index_name, id_column, table_name);
END $$;

-- Vectors whose row has another version than their metadata, under the name of the version's column. Likewise.
CREATE OR REPLACE FUNCTION s3vl.staleness(table_name regclass, index_name text, id_column text, version_column text)
RETURNS TABLE (vector_id text, index_version text, row_version text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT v.vector_id, v.metadata ->> %1$L, t.version ->> 0 FROM s3vl.list_all(%2$L) v '
        'JOIN (SELECT %3$I::text AS id, jsonb_build_array(%4$I) AS version FROM %5$s) t ON t.id = v.vector_id '
        'WHERE v.metadata ->> %1$L IS DISTINCT FROM t.version ->> 0',
        version_column, index_name, id_column, version_column, table_name);
END $$;

-- Rights ------------------------------------------------------------------------------------------------------------

-- What any role with a grant calls. The functions look themselves whether this index was granted.
CREATE OR REPLACE FUNCTION s3vl._let_in(role_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who text := CASE lower(role_name) WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(role_name) END;
    routine regprocedure;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA s3vl TO %s', who);
    FOR routine IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 's3vl'::regnamespace AND p.proname = ANY (ARRAY[
            'list_indexes', 'get_index_info', 'resolve_index_arn', 'query_vectors', 'get_vectors', 'list_vectors',
            'list_all', 'query_many', 'query_among', 'query_text', 'query_hybrid', 'embed_text', 'search_text',
            'search_hybrid', 'list_shards', 'put_vectors', 'delete_vectors', 'sync_table', 'unsync_table',
            'drain_outbox', 'orphans', 'staleness', 'version', '_numbers'])
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', routine, who);
    END LOOP;
END $$;

-- Lets a role read an index, or also write it. `role_name` may be 'public'.
CREATE OR REPLACE FUNCTION s3vl.grant_index(index_name text, role_name text, may_write boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM s3vl.index_registry r WHERE r.index_name = grant_index.index_name) THEN
        RAISE EXCEPTION 's3vl.grant_index: the index % is not registered', index_name USING ERRCODE = '42704';
    END IF;
    PERFORM s3vl._let_in(role_name);
    INSERT INTO s3vl.index_grant AS g (index_name, role_name, may_write)
    VALUES (grant_index.index_name, grant_index.role_name, grant_index.may_write)
    ON CONFLICT ON CONSTRAINT index_grant_pkey DO UPDATE SET may_write = excluded.may_write;
END $$;

CREATE OR REPLACE FUNCTION s3vl.revoke_index(index_name text, role_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM s3vl.index_grant g
    WHERE g.index_name = revoke_index.index_name AND g.role_name = revoke_index.role_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 's3vl.revoke_index: % has no grant on the index %', role_name, index_name USING ERRCODE = '42704';
    END IF;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA s3vl FROM PUBLIC;
DO $$
DECLARE
    routine regprocedure;
BEGIN
    FOR routine IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 's3vl'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', routine);
    END LOOP;
    PERFORM s3vl._let_in(g.role_name) FROM (SELECT DISTINCT role_name FROM s3vl.index_grant) g
    WHERE lower(g.role_name) = 'public' OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = g.role_name);
END $$;
INSERT INTO s3vl.version (version) VALUES ('1.1') ON CONFLICT DO NOTHING;
