-- Takes s3vl away: configuration, registry, grants, outbox and the triggers of sync_table. The indexes of S3 Vectors
-- stay. A view or a function of yours that depends on it stops this with an error that names it.
--
--     psql -v ON_ERROR_STOP=1 --single-transaction -f uninstall.sql

DO $$
DECLARE
    object text;
BEGIN
    FOR object IN
        SELECT format('TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) FROM pg_trigger t
        WHERE t.tgfoid = 's3vl._enqueue'::regproc
    LOOP
        EXECUTE format('DROP %s', object);
    END LOOP;
    FOR object IN
        SELECT format('FUNCTION %s', p.oid::regprocedure) FROM pg_proc p WHERE p.pronamespace = 's3vl'::regnamespace
    LOOP
        EXECUTE format('DROP %s', object);
    END LOOP;
END $$;
DROP TABLE s3vl.index_grant, s3vl.outbox;
DROP TABLE s3vl.index_registry, s3vl.config, s3vl.version;
DROP SCHEMA s3vl;
