-- From version 1.0 of s3vl to 1.1: the embedding model of an index, and logical indexes of several shards. Registry,
-- grants, outbox and triggers stay. As the owner of the schema, with the file of the new functions right after it:
--
--     psql -v ON_ERROR_STOP=1 --single-transaction -f upgrade/1.0--1.1.sql -f s3vl.sql

DO $$
DECLARE
    found text := (SELECT v.version FROM s3vl.version v ORDER BY string_to_array(v.version, '.')::int[] DESC LIMIT 1);
BEGIN
    IF found IS DISTINCT FROM '1.0' THEN
        RAISE EXCEPTION 's3vl: the schema has version %, this script is for 1.0', coalesce(found, 'none')
            USING ERRCODE = '55000';
    END IF;
END $$;

ALTER TABLE s3vl.index_registry
    ADD COLUMN shards text[],
    ADD COLUMN embedding jsonb,
    ALTER COLUMN index_arn DROP NOT NULL,
    ALTER COLUMN bucket_name DROP NOT NULL,
    ALTER COLUMN region DROP NOT NULL,
    ALTER COLUMN account_id DROP NOT NULL,
    ADD CHECK ((index_arn IS NULL) = (shards IS NOT NULL));

-- Nobody but s3vl calls these; s3vl.sql makes them anew, with other arguments.
DROP FUNCTION s3vl._index(text, text, text, boolean);
DROP FUNCTION s3vl._call(text, text, text, jsonb);
DROP FUNCTION s3vl._search(text, text, text, float8[], text, int, boolean, jsonb);

INSERT INTO s3vl.version (version) VALUES ('1.1');
