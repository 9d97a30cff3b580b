-- What only those know whom somebody showed their report of the year. Written by domain/annual.
ALTER TABLE generated_annual_reports ADD COLUMN share_key TEXT NOT NULL DEFAULT '';
