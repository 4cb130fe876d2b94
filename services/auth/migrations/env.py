from auth_service.models import Base
from common.db import migrations

migrations.run("auth", Base.metadata)
