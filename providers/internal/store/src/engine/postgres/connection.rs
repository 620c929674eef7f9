//! The statements of the store on PostgreSQL.

use std::error::Error;
use std::ops::ControlFlow;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::damage;
use super::session::Session;
use crate::connection::{Connection, Row, Visit, Writers};
use crate::{DatabaseError, Result, StoreError, Value};

/// How many rows of a long answer are in memory at a time.
const PAGE: usize = 1000;

/// Within a transaction. Statements stay prepared as long as the connection.
impl Connection for Session {
    /// Through a cursor, so that other statements can run between its pages.
    fn query_each(&self, sql: &'static str, values: &[Value<'_>], visit: &mut Visit<'_>) -> Result<()> {
        let number = self.cursors.get();
        let declare = self.statement(sql, Some(number))?;
        self.wait(self.client.execute(&declare, &parameters(values)?))?;
        self.cursors.set(number + 1);
        let fetch = format!("FETCH {PAGE} FROM rows_{number}");
        loop {
            let rows = self.wait(self.client.query_typed(&fetch, &[]))?;
            for row in &rows {
                if let ControlFlow::Break(()) = visit(row)? {
                    return close(self, number);
                }
            }
            if rows.len() < PAGE {
                return close(self, number);
            }
        }
    }

    fn query_few(&self, sql: &'static str, values: &[Value<'_>], visit: &mut Visit<'_>) -> Result<()> {
        let statement = self.statement(sql, None)?;
        for row in self.wait(self.client.query(&statement, &parameters(values)?))? {
            if let ControlFlow::Break(()) = visit(&row)? {
                break;
            }
        }
        Ok(())
    }

    fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64> {
        let statement = self.statement(sql, None)?;
        self.wait(self.client.execute(&statement, &parameters(values)?))
    }

    fn writers(&self) -> Writers {
        Writers::Several
    }

    fn damage(&self) -> Result<Vec<String>> {
        damage::found(self)
    }
}

fn close(session: &Session, number: u32) -> Result<()> {
    session.wait(session.client.batch_execute(&format!("CLOSE rows_{number}")))?;
    session.cursors.set(number);
    Ok(())
}

/// The values, unless one has what PostgreSQL keeps in no text. It would end the whole transaction.
fn parameters<'v>(values: &'v [Value<'v>]) -> Result<Vec<&'v (dyn ToSql + Sync)>> {
    if values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0'))) {
        return Err(StoreError::Invalid("A text has the character U+0000, which the database cannot keep".to_owned()));
    }
    Ok(values.iter().map(|value| value as &(dyn ToSql + Sync)).collect())
}

impl Row for tokio_postgres::Row {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        self.try_get(column).map_err(|_| DatabaseError::unreadable(column).into())
    }
}

impl<'v> FromSql<'v> for Value<'v> {
    fn from_sql(of: &Type, raw: &'v [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *of {
            Type::INT2 => Self::Integer(i16::from_sql(of, raw)?.into()),
            Type::INT4 => Self::Integer(i32::from_sql(of, raw)?.into()),
            Type::INT8 => Self::Integer(i64::from_sql(of, raw)?),
            Type::BYTEA => Self::Bytes(raw),
            _ => Self::Text(<&str>::from_sql(of, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(of: &Type) -> bool {
        matches!(*of, Type::INT2 | Type::INT4 | Type::INT8 | Type::BYTEA) || <&str as FromSql>::accepts(of)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => match *of {
                Type::INT2 => i16::try_from(*number)?.to_sql(of, out),
                Type::INT4 => i32::try_from(*number)?.to_sql(of, out),
                _ => number.to_sql(of, out),
            },
            Self::Text(text) => text.to_sql(of, out),
            Self::Bytes(bytes) => bytes.to_sql(of, out),
            Self::Address(bytes) => bytes.as_slice().to_sql(of, out),
        }
    }

    fn accepts(of: &Type) -> bool {
        <Value<'_> as FromSql>::accepts(of)
    }

    to_sql_checked!();
}
