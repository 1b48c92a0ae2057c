-- +goose Up

-- hold_lease makes sure that a node's lease outlasts the transaction. It fails
-- with LE001 when another daemon has taken the node over: an error, so that what
-- was sent together with it is not done either. The lock is shared, since a
-- daemon writes in several transactions at once; taking over and renewing wait
-- for it.
-- +goose StatementBegin
CREATE FUNCTION hold_lease(of_node text, in_term bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM leases WHERE node = of_node AND term = in_term FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another daemon has taken node % over', of_node USING ERRCODE = 'LE001';
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION hold_lease(text, bigint);
