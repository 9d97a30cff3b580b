-- How many connections to the database a process may open at most: all together must fit into what the server allows.
ALTER TABLE processes ADD COLUMN pool BIGINT NOT NULL DEFAULT 0;
