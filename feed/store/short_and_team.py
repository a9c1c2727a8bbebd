"""SQL of the columns for a text in one line and for a team's next meeting, found by search."""

SHORT_AND_TEAM = """
ALTER TABLE texts ADD COLUMN short TEXT NOT NULL DEFAULT '';
ALTER TABLE texts ADD COLUMN team TEXT NOT NULL DEFAULT '';
DROP TRIGGER texts_fts_insert;
DROP TRIGGER texts_fts_delete;
DROP TRIGGER texts_fts_update;
DROP VIEW texts_words;
CREATE VIEW texts_words (id, words) AS SELECT rowid, indexed_words(language, title, statement,
  reflection, practice, commentary, short, team) FROM texts;
CREATE TRIGGER texts_fts_insert AFTER INSERT ON texts BEGIN
  INSERT INTO texts_fts (rowid, words) VALUES (new.rowid, indexed_words(new.language, new.title,
    new.statement, new.reflection, new.practice, new.commentary, new.short, new.team)); END;
CREATE TRIGGER texts_fts_delete AFTER DELETE ON texts BEGIN
  INSERT INTO texts_fts (texts_fts, rowid, words) VALUES ('delete', old.rowid,
    indexed_words(old.language, old.title, old.statement, old.reflection, old.practice,
    old.commentary, old.short, old.team)); END;
CREATE TRIGGER texts_fts_update AFTER UPDATE ON texts BEGIN
  INSERT INTO texts_fts (texts_fts, rowid, words) VALUES ('delete', old.rowid,
    indexed_words(old.language, old.title, old.statement, old.reflection, old.practice,
    old.commentary, old.short, old.team)); INSERT INTO texts_fts (rowid, words) VALUES (new.rowid,
    indexed_words(new.language, new.title, new.statement, new.reflection, new.practice,
    new.commentary, new.short, new.team)); END;
INSERT INTO texts_fts (texts_fts) VALUES ('rebuild');
"""
